-- Best layers by training data.
-- One row: a network in one region. dataset_median is over all networks with its training data, family_median
-- over those of its family with that training data. family_datasets is the number of data sets that its
-- family was trained on.
-- $protocol varchar = 'sound': results of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: these networks only
with

best as (
    select *
    from best_layer
    where
        protocol = $protocol
        and ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
        and ($rois is null or list_contains($rois, roi))
        and ($models is null or list_contains($models, model))
),

final as (
    select
        *,
        median(rho) over (partition by dataset, split, roi, training_dataset) as dataset_median,
        median(rho) over (partition by dataset, split, roi, family, training_dataset) as family_median,
        count(distinct training_dataset) over (partition by dataset, split, roi, family) as family_datasets
    from best
)

select *
from final
order by roi_order, roi, training_dataset, family, model
