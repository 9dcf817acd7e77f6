-- Facts of networks: what the weights were trained for in their last training (supervised, contrastive,
-- masked, distillation or predictive), pixels of a side of the square input, and licence of the weights.
-- They are null in rows of an older version.

alter table model add column objective varchar;
alter table model add column resolution integer;
alter table model add column licence varchar;
