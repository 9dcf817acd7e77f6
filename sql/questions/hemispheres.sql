-- Do the hemispheres differ in how well networks align with them?
-- One row: a region whose left and right parts were scored separately (regions = "hemispheres" in the study),
-- over the best layers of a group of networks. difference is left - right, network by network.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar = null: this region only, without its side: V1
-- $by varchar = 'model_type': group by model_type, arch_type, family, training_dataset, objective or weights
-- Example: alignhouse ask hemispheres --by arch_type
with

best as (
    select
        best_layer.*,
        hemisphere.hemisphere,
        hemisphere.region,
        hemisphere.region_order,
        case $by
            when 'model_type' then best_layer.model_type
            when 'arch_type' then best_layer.arch_type
            when 'family' then best_layer.family
            when 'training_dataset' then best_layer.training_dataset
            when 'objective' then best_layer.objective
            when 'weights' then best_layer.weights
            else error('--by is model_type, arch_type, family, training_dataset, objective or weights')
        end as group_name
    from best_layer
    inner join hemisphere
        on
            best_layer.dataset = hemisphere.dataset
            and best_layer.roi = hemisphere.roi
    where
        best_layer.protocol = $protocol
        and ($roi is null or hemisphere.region = $roi)
),

final as (
    select
        lefts.protocol,
        lefts.dataset,
        lefts.split,
        lefts.roi_group,
        lefts.region as roi,
        lefts.group_name,
        count(*) as n_models,
        count(*) filter (where lefts.weights = 'random') as n_random,
        median(lefts.rho) as median_left,
        median(rights.rho) as median_right,
        median(lefts.rho - rights.rho) as median_difference,
        count(*) filter (where lefts.rho > rights.rho) as n_left_higher,
        -- the shortest remark is true of all networks; n_random of them are untrained
        arg_min(lefts.remark, length(lefts.remark)) as remark,
        lefts.region_order
    from best as lefts
    inner join best as rights
        on
            lefts.protocol = rights.protocol
            and lefts.dataset = rights.dataset
            and lefts.split = rights.split
            and lefts.model = rights.model
            and lefts.region = rights.region
    where
        lefts.hemisphere = 'left'
        and rights.hemisphere = 'right'
    group by all
)

select * exclude (region_order)
from final
order by dataset, split, region_order, group_name
