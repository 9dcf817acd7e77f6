-- One row: how well one layer of a network predicts the voxels of one region, over subjects.
-- n_voxels and n_left_out count voxels of all subjects.
with

regions as (
    select * from roi
    where dataset = $dataset
),

final as (
    select
        scores.protocol,
        scores.dataset,
        scores.split,
        scores.model,
        scores.layer,
        scores.roi,
        regions.roi_order,
        avg(scores.r) as r,
        avg(scores.r_normalised) as r_normalised,
        avg(scores.training_r2) as training_r2,
        count(*) as n_subjects,
        cast(sum(scores.n_voxels) as bigint) as n_voxels,
        cast(sum(scores.n_left_out) as bigint) as n_left_out,
        any_value(scores.remark) as remark
    from encoding_score as scores
    inner join regions on scores.roi = regions.roi
    where
        scores.dataset = $dataset
        and scores.split = $split
    group by all
)

select *
from final
order by protocol, model, roi_order, layer
