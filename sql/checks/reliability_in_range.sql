-- One row: an impossible reliability, or a region with more voxels kept than it has.
select
    dataset,
    subject,
    roi,
    split,
    voxels,
    voxels_kept,
    ncsnr_median,
    rdm_reliability
from region_reliability
where
    rdm_reliability not between -1 and 1
    or ncsnr_median < 0
    or voxels_kept not between 1 and voxels
