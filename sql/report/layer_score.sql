-- One row: the alignment of one layer of a network with one region, over subjects, on one data set and split.
select *
from layer_score
where
    dataset = $dataset
    and split = $split
order by protocol, model, roi_order, layer_index
