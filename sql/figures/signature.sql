-- How much better or worse the best layers of networks align with regions than networks do on average.
-- One row: a network in one region. deviation is the mean over subjects of its score minus the mean over all
-- networks; model_mean is the mean of deviation over the regions.
-- $protocol varchar = 'sound': results of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: these networks only; the mean is over all
with

chosen as (
    select * from signature
    where
        protocol = $protocol
        and ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
        and ($rois is null or list_contains($rois, roi))
        and ($models is null or list_contains($models, model))
),

means as (
    select
        * exclude (subject, rho, deviation, n_models),
        avg(deviation) as deviation,
        count(*) as n_subjects
    from chosen
    group by all
),

final as (
    select
        *,
        avg(deviation) over (partition by protocol, dataset, split, model) as model_mean
    from means
)

select *
from final
order by protocol, roi_order, roi, model
