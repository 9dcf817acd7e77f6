-- One row: a network that was scored on one data set and split.
with

scored as (
    select distinct model
    from alignment
    where
        dataset = $dataset
        and split = $split
)

select networks.*
from network as networks
inner join scored on networks.model = scored.model
order by networks.model_type, networks.arch_type, networks.model
