-- One row: a network's best layer in one region, chosen on some stimuli and scored on others.
select *
from layer_choice
where
    dataset = $dataset
    and split = $split
order by protocol, roi, model
