-- How much of the variance of voxels do networks explain beyond control models, or beyond another network?
-- One row: the best layer of a network in one region, beside all control models together, or beside the best
-- layer of another network (--beyond). r2_network, r2_controls (r2_other) and r2_both are R squared of each
-- alone and of both on stimuli that were not fitted (banded ridge regression). unique_network is what the
-- network adds, unique_controls (unique_other) the reverse, and shared what either explains. All are medians
-- over voxels, divided by the squared noise ceiling if is_normalised, averaged over subjects, so they do not
-- add up exactly. Values below 0 are kept: there, the joint model predicts worse. reason names controls that
-- are left out. Columns of the other kind of comparison are empty.
-- $beyond varchar in variance_beyond.beyond = 'controls': all controls, or this network (encoding.pairs)
-- $protocol varchar in protocol.protocol = 'sound-encoding': encodings with the features of this protocol
-- $roi_group varchar in roi.roi_group = null: regions of this group only
-- $roi varchar in roi.roi = null: this region only
-- $model varchar in model.model = null: this network only
-- Example: alignhouse ask variance_partition --roi V1
with

parts as (
    select * from variance_beyond
    where
        protocol = $protocol
        and beyond = $beyond
        and ($roi is null or roi = $roi)
        and ($model is null or model = $model)
),

final as (
    select
        parts.protocol,
        parts.dataset,
        parts.split,
        parts.roi,
        roi.roi_group,
        parts.model,
        parts.layer,
        parts.r2_network,
        parts.r2_controls,
        parts.r2_both,
        parts.unique_network,
        parts.unique_network_lower,
        parts.unique_network_upper,
        parts.unique_controls,
        parts.unique_controls_lower,
        parts.unique_controls_upper,
        parts.shared,
        parts.is_normalised,
        parts.n_subjects,
        parts.n_voxels,
        parts.controls,
        parts.level,
        parts.resampled,
        parts.reason,
        parts.remark,
        parts.beyond,
        parts.other_layer,
        parts.r2_other,
        parts.unique_other,
        parts.unique_other_lower,
        parts.unique_other_upper,
        parts.shared_lower,
        parts.shared_upper,
        roi.roi_order
    from parts
    inner join roi
        on
            parts.dataset = roi.dataset
            and parts.roi = roi.roi
    where $roi_group is null or roi.roi_group = $roi_group
)

select * exclude (roi_order)
from final
order by dataset asc, split asc, roi_order asc, roi asc, unique_network desc nulls last, model asc
