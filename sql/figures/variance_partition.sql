-- The variance of voxels that is unique to networks, unique to control models, and shared.
-- One row: one of these parts for a network in one region, with its interval (NULL for the shared part).
-- part_median is over the networks in the region.
-- $protocol varchar = 'sound-encoding': encodings of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: these networks only
with

partitions as (
    select *
    from variance_partition
    where
        protocol = $protocol
        and ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
        and ($rois is null or list_contains($rois, roi))
        and ($models is null or list_contains($models, model))
),

parts as (
    select
        *,
        unnest(['unique_network', 'unique_controls', 'shared']) as part,
        unnest([unique_network, unique_controls, shared]) as share,
        unnest([unique_network_lower, unique_controls_lower, null]) as lower,
        unnest([unique_network_upper, unique_controls_upper, null]) as upper
    from partitions
),

final as (
    select
        parts.protocol,
        parts.dataset,
        parts.split,
        parts.model,
        parts.roi,
        roi.roi_group,
        roi.roi_order,
        parts.layer,
        parts.part,
        parts.share,
        parts.lower,
        parts.upper,
        median(parts.share)
            over (partition by parts.dataset, parts.split, parts.roi, parts.is_normalised, parts.part)
            as part_median,
        parts.level,
        parts.resampled,
        parts.is_normalised,
        parts.n_subjects,
        parts.n_voxels,
        parts.controls,
        parts.n_controls,
        parts.weights_per,
        parts.reason,
        parts.remark
    from parts
    inner join roi
        on
            parts.dataset = roi.dataset
            and parts.roi = roi.roi
)

select *
from final
order by roi_order, roi, part, model
