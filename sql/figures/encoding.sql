-- How well networks predict voxels, each with the median of its group.
-- One row: a network in one region, by the layer that predicts best. group_median is over the networks of the
-- group in the region, mean_by_chance the mean of r_by_chance over all networks there. rho is that of RSA.
-- $protocol varchar = 'sound-encoding': encodings of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $by varchar = 'model_type': model_type, arch_type, family, training_dataset, objective or weights
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: these networks only
with

encodings as (
    select *
    from voxel_encoding
    where
        protocol = $protocol
        and ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
        and ($rois is null or list_contains($rois, roi))
        and ($models is null or list_contains($models, model))
),

grouped as (
    select
        *,
        struct_extract(encodings, $by) as group_name
    from encodings
),

final as (
    select
        *,
        median(score) over (partition by dataset, split, roi, is_normalised, group_name) as group_median,
        avg(r_by_chance) over (partition by dataset, split, roi, is_normalised) as mean_by_chance
    from grouped
)

select *
from final
order by roi_order, roi, group_name, model
