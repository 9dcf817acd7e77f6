-- Do the hemispheres differ in how well networks align with them?
-- One row: a region whose left and right were scored apart (regions = "hemispheres" in the study), over the
-- best layers of a group of networks; difference is left - right, network by network.
-- $protocol varchar in protocol.protocol = 'sound': the protocol whose numbers to give
-- $roi varchar = null: this region only, without its side: V1
-- $by varchar = 'model_type': what to group by, one of model_type, arch_type, family, training_dataset
-- Example: alignhouse ask hemispheres --by arch_type
with

sides as (
    select
        dataset,
        roi,
        any_value(hemisphere) as hemisphere
    from roi_part
    group by dataset, roi
    having
        count(distinct hemisphere) = 1
        and any_value(hemisphere) <> 'both'
),

best as (
    select
        best_layer.*,
        sides.hemisphere,
        -- lV1 and rV1 are the sides of V1
        substr(best_layer.roi, 2) as whole,
        case $by
            when 'model_type' then best_layer.model_type
            when 'arch_type' then best_layer.arch_type
            when 'family' then best_layer.family
            when 'training_dataset' then best_layer.training_dataset
            else error('--by must be one of model_type, arch_type, family, training_dataset')
        end as group_name
    from best_layer
    inner join sides
        on
            best_layer.dataset = sides.dataset
            and best_layer.roi = sides.roi
    where
        best_layer.protocol = $protocol
        and ($roi is null or substr(best_layer.roi, 2) = $roi)
),

final as (
    select
        lefts.protocol,
        lefts.dataset,
        lefts.split,
        lefts.roi_group,
        lefts.whole as roi,
        lefts.group_name,
        count(*) as n_models,
        median(lefts.rho) as median_left,
        median(rights.rho) as median_right,
        median(lefts.rho - rights.rho) as median_difference,
        count(*) filter (where lefts.rho > rights.rho) as n_left_higher,
        arg_max(lefts.remark, length(lefts.remark)) as remark,
        min(lefts.roi_order) as roi_order
    from best as lefts
    inner join best as rights
        on
            lefts.protocol = rights.protocol
            and lefts.dataset = rights.dataset
            and lefts.split = rights.split
            and lefts.model = rights.model
            and lefts.whole = rights.whole
    where
        lefts.hemisphere = 'left'
        and rights.hemisphere = 'right'
    group by lefts.protocol, lefts.dataset, lefts.split, lefts.roi_group, lefts.whole, lefts.group_name
)

select * exclude (roi_order)
from final
order by dataset, split, roi_order, group_name
