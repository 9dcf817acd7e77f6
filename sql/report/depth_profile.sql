-- One row: a network in one region at one depth of the common grid, on one data set and split.
select
    protocol,
    dataset,
    split,
    model,
    model_type,
    arch_type,
    family,
    training_dataset,
    objective,
    weights,
    roi,
    roi_group,
    roi_order,
    depth,
    rho,
    remark
from depth_profile
where
    dataset = $dataset
    and split = $split
order by protocol, roi_order, model, depth
