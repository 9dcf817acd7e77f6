-- What the weights of a network were trained for in their last training: supervised, contrastive, masked,
-- distillation or predictive. It is null in rows of an older version.

alter table model add column objective varchar;
