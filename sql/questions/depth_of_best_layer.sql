-- How deep in a network is the layer that aligns best with each region?
-- One row: a group of networks in one region, with the depths of their best layers (0 first layer, 1 last).
-- n_models networks have a depth; of n_without_depth, the order of layers is not known.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar in roi.roi = null: this region only
-- $by varchar = 'model_type': group by model_type, arch_type, family, training_dataset, objective or weights
-- Example: alignhouse ask depth_of_best_layer --by arch_type
with

layers as (
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
        count(depth) as n_models,
        count(*) - count(depth) as n_without_depth,
        count(depth) filter (where weights = 'random') as n_random,
        median(depth) as median_depth,
        quantile_cont(depth, 0.25) as lower_quartile,
        quantile_cont(depth, 0.75) as upper_quartile,
        avg(depth) as mean_depth,
        -- the shortest remark is true of all networks; n_random of them are untrained
        arg_min(remark, length(remark)) as remark
    from layers
    group by all
)

select * exclude (roi_order)
from final
order by dataset, split, roi_order, group_name
