-- One row: a network in one region, by its best layer, on one data set and split.
select
    protocol,
    dataset,
    split,
    model,
    model_type,
    arch_type,
    family,
    training_dataset,
    roi,
    roi_group,
    roi_order,
    layer,
    depth,
    rho,
    p_value,
    remark
from best_layer
where
    dataset = $dataset
    and split = $split
order by protocol, roi_order, model
