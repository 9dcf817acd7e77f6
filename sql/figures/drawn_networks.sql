-- The networks that were scored.
-- One row: a network, its mean best-layer rho over all regions, and the group of regions in which it is best.
-- $protocol varchar = 'sound': the protocol of the scores
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
with

of_groups as (
    select
        model,
        roi_group,
        avg(rho) as group_mean
    from best_layer
    where
        protocol = $protocol
        and ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
    group by model, roi_group
),

ranked as (
    select
        *,
        row_number() over (
            partition by roi_group
            order by group_mean desc, model asc
        ) as place
    from of_groups
),

final as (
    select
        model,
        avg(group_mean) as model_mean,
        list(roi_group order by roi_group) filter (where place = 1) as best_of
    from ranked
    group by model
)

select *
from final
order by model
