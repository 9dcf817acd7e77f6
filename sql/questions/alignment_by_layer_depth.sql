-- At which depth do networks align with each region?
-- One row: a relative depth (0 is the first layer, 1 the last) in one region, over all networks of a group.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar in roi.roi = null: this region only
-- $by varchar = 'model_type': group by model_type, arch_type, family, training_dataset, objective or weights
-- Example: alignhouse ask alignment_by_layer_depth --roi V1 --by arch_type
with

profiles as (
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
    from depth_profile
    where
        protocol = $protocol
        and ($roi is null or roi = $roi)
),

final as (
    select
        protocol,
        dataset,
        split,
        roi_group,
        roi,
        roi_order,
        group_name,
        depth,
        count(*) as n_models,
        count(*) filter (where weights = 'random') as n_random,
        avg(rho) as mean_rho,
        median(rho) as median_rho,
        -- the shortest remark is true of all networks; n_random of them are untrained
        arg_min(remark, length(remark)) as remark
    from profiles
    group by all
)

select * exclude (roi_order)
from final
order by dataset, split, roi_order, group_name, depth
