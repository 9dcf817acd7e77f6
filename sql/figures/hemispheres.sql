-- Best layers in the left and the right part of regions.
-- One row: a network in one hemisphere of a region that exists left and right (lV1 and rV1), with the median
-- over networks and the noise ceiling of that hemisphere. roi is the region without its side.
-- $protocol varchar = 'sound': results of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: these networks only
with

paired as (
    select *
    from hemisphere
    where
        ($dataset is null or dataset = $dataset)
        and ($rois is null or list_contains($rois, region))
),

best as (
    select *
    from best_layer
    where
        protocol = $protocol
        and ($split is null or split = $split)
        and ($models is null or list_contains($models, model))
),

final as (
    select
        best.protocol,
        best.dataset,
        best.split,
        best.model,
        best.model_type,
        best.arch_type,
        best.family,
        best.training_dataset,
        best.objective,
        best.weights,
        paired.region as roi,
        best.roi as side_roi,
        best.roi_group,
        paired.region_order as roi_order,
        paired.hemisphere,
        best.layer,
        best.depth,
        best.rho,
        best.p_value,
        best.n_subjects,
        median(best.rho) over (partition by best.dataset, best.split, best.roi) as group_median,
        region_ceiling.lower,
        region_ceiling.upper,
        region_ceiling.is_reliable,
        best.remark
    from best
    inner join paired
        on
            best.dataset = paired.dataset
            and best.roi = paired.roi
    left join region_ceiling
        on
            best.protocol = region_ceiling.protocol
            and best.dataset = region_ceiling.dataset
            and best.split = region_ceiling.split
            and best.roi = region_ceiling.roi
)

select *
from final
order by roi_order, roi, hemisphere, model
