-- How much two protocols differ.
-- One row: a network in one region that was scored under both. difference is rho under the first protocol
-- minus rho under the second, group_median its median over the networks of a group, same_layers the share of
-- all rows in which both have the same best layer.
-- $protocol varchar = 'sound': the first protocol
-- $other varchar = 'paper': the second protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $by varchar = 'model_type': model_type, arch_type, family, training_dataset, objective, weights
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: these networks only
with

best as (
    select
        *,
        case $by
            when 'model_type' then model_type
            when 'arch_type' then arch_type
            when 'family' then family
            when 'training_dataset' then training_dataset
            when 'objective' then objective
            when 'weights' then weights
            else error('--by is model_type, arch_type, family, training_dataset, objective or weights')
        end as group_name
    from best_layer
    where
        ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
        and ($rois is null or list_contains($rois, roi))
        and ($models is null or list_contains($models, model))
),

both_scored as (
    select
        ours.*,
        theirs.protocol as other_protocol,
        theirs.layer as other_layer,
        theirs.rho as other_rho,
        ours.rho - theirs.rho as difference
    from best as ours
    inner join best as theirs
        on
            ours.dataset = theirs.dataset
            and ours.split = theirs.split
            and ours.model = theirs.model
            and ours.roi = theirs.roi
    where
        ours.protocol = $protocol
        and theirs.protocol = $other
        and $protocol <> $other
),

final as (
    select
        *,
        median(difference) over (partition by dataset, split, roi, group_name) as group_median,
        avg(cast(layer = other_layer as integer)) over () as same_layers
    from both_scored
)

select *
from final
order by roi_order, roi, group_name, model
