-- How reliable are the brain data of each region?
-- One row: a region in one split, over subjects. ncsnr is the median voxel's noise-ceiling signal-to-noise
-- ratio, rdm_reliability the split-half reliability of the RDM (Spearman-Brown). Each has its median, lowest
-- and highest value over subjects. repetitions is the highest number over subjects.
-- $roi varchar in roi.roi = null: this region only
-- $split varchar = null: this split only, train or test
-- $dataset varchar in dataset.dataset = null: this data set only
-- Example: alignhouse ask reliability --split test
with

regions as (
    select * from roi
),

final as (
    select
        reliability.dataset,
        reliability.split,
        regions.roi_group,
        reliability.roi,
        count(*) as subjects,
        min(reliability.repetitions) as repetitions_least,
        max(reliability.repetitions) as repetitions,
        cast(median(reliability.voxels_kept) as integer) as voxels_median,
        median(reliability.ncsnr_median) as ncsnr_median,
        median(reliability.rdm_reliability) as rdm_reliability_median,
        min(reliability.rdm_reliability) as rdm_reliability_least,
        max(reliability.rdm_reliability) as rdm_reliability_most,
        reliability.remark,
        any_value(regions.roi_order) as roi_order
    from region_reliability as reliability
    left join regions
        on
            reliability.dataset = regions.dataset
            and reliability.roi = regions.roi
    where
        ($roi is null or reliability.roi = $roi)
        and ($split is null or reliability.split = $split)
        and ($dataset is null or reliability.dataset = $dataset)
    group by reliability.dataset, reliability.split, regions.roi_group, reliability.roi, reliability.remark
)

select * exclude (roi_order)
from final
order by dataset, split, roi_order, roi
