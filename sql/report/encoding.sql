-- One row: how well a network predicts the voxels of one region, by its best layer, beside its RSA.
select *
from voxel_encoding
where
    dataset = $dataset
    and split = $split
order by protocol asc, roi_order asc, score desc, model asc
