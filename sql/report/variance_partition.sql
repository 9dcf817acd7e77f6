-- One row: what the best layer of a network and all control models explain of the voxels of one region.
with

regions as (
    select * from roi
    where dataset = $dataset
),

final as (
    select
        parts.protocol,
        parts.dataset,
        parts.split,
        parts.model,
        parts.roi,
        regions.roi_group,
        regions.roi_order,
        parts.layer,
        parts.unique_network,
        parts.unique_network_lower,
        parts.unique_network_upper,
        parts.unique_controls,
        parts.unique_controls_lower,
        parts.unique_controls_upper,
        parts.shared,
        parts.r2_network,
        parts.r2_controls,
        parts.r2_both,
        parts.is_normalised,
        parts.n_subjects,
        parts.n_voxels,
        parts.controls,
        parts.n_controls,
        parts.candidates,
        parts.weights_per,
        parts.level,
        parts.resampled,
        parts.method,
        parts.draws,
        parts.seed,
        parts.reason,
        parts.remark
    from variance_partition as parts
    inner join regions on parts.roi = regions.roi
    where
        parts.dataset = $dataset
        and parts.split = $split
)

select *
from final
order by protocol asc, roi_order asc, unique_network desc nulls last, model asc
