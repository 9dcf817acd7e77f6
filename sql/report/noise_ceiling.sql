-- One row: the noise ceiling of one region, on one data set and split.
select
    ceilings.protocol,
    ceilings.dataset,
    ceilings.split,
    ceilings.roi,
    regions.roi_group,
    regions.roi_order,
    ceilings.lower,
    ceilings.upper,
    ceilings.n_subjects,
    ceilings.remark
from noise_ceiling as ceilings
inner join roi as regions
    on
        ceilings.dataset = regions.dataset
        and ceilings.roi = regions.roi
where
    ceilings.dataset = $dataset
    and ceilings.split = $split
order by ceilings.protocol, regions.roi_order
