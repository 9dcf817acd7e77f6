-- One row: a network in one region with its rank there (1 is the highest rho; ties share their mean rank),
-- and its mean rank over the regions in which it has a score: those of the group, and all.
with

ranked as (
    select * from network_place
    where
        dataset = $dataset
        and split = $split
),

final as (
    select
        protocol,
        dataset,
        split,
        model,
        model_type,
        arch_type,
        weights,
        roi,
        roi_group,
        roi_order,
        rho,
        place,
        avg(place) over (partition by protocol, model, roi_group) as mean_place_in_group,
        avg(place) over (partition by protocol, model) as mean_place,
        count(*) over (partition by protocol, model) as n_regions,
        remark
    from ranked
)

select *
from final
order by protocol, mean_place, model, roi_order
