-- Which regions are there, which parts do they have, and which subjects lack them?
-- One row: a region of a data set. voxels are the lowest and highest number over subjects (NULL if betas are
-- not known). absent lists the subjects that lack the region, and why.
-- $dataset varchar in dataset.dataset = null: this data set only
-- Example: alignhouse ask regions --dataset bmd-demo
with

parts as (
    select
        dataset,
        roi,
        string_agg(part, ' + ' order by part_order) as parts
    from roi_part
    group by dataset, roi
),

told as (
    select
        dataset,
        subject,
        roi,
        absent_because is null as is_there,
        -- null is left out of the list
        subject || ' (' || absent_because || ')' as absent
    from subject_region
),

subjects as (
    select
        dataset,
        roi,
        count(*) filter (where is_there) as subjects,
        string_agg(absent, '; ' order by subject) as absent
    from told
    group by dataset, roi
),

voxels as (
    select
        dataset,
        roi,
        min(voxels) as voxels_least,
        max(voxels) as voxels_most
    from region_reliability
    group by dataset, roi
),

final as (
    select
        roi.dataset,
        roi.roi_group,
        roi.roi,
        parts.parts,
        subjects.subjects,
        voxels.voxels_least,
        voxels.voxels_most,
        subjects.absent,
        dataset.remark,
        roi.roi_order
    from roi
    left join dataset on roi.dataset = dataset.dataset
    left join parts
        on
            roi.dataset = parts.dataset
            and roi.roi = parts.roi
    left join subjects
        on
            roi.dataset = subjects.dataset
            and roi.roi = subjects.roi
    left join voxels
        on
            roi.dataset = voxels.dataset
            and roi.roi = voxels.roi
    where $dataset is null or roi.dataset = $dataset
)

select * exclude (roi_order)
from final
order by dataset, roi_order, roi
