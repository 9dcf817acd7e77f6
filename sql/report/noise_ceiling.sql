-- One row: the noise ceiling of one region, on one data set and split.
select *
from region_ceiling
where
    dataset = $dataset
    and split = $split
order by protocol, roi_order
