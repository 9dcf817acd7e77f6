-- One row: the correlation, over networks, of alignment in one region with a property of the networks.
select *
from complexity
where
    dataset = $dataset
    and split = $split
order by protocol, roi, figure, given, method
