-- Every layer of some networks, with an interval of its score.
-- One row: a layer of a network in one region, for the networks that align best on average over the regions.
-- The interval is over stimuli and subjects, or, for a single subject, over stimuli; null if there is none.
-- is_best marks the network's best layer in the region, as the table best_layer chooses it.
-- $protocol varchar = 'sound': results of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: these networks only
-- $most integer = 6: at most this many networks
with

scores as (
    select *
    from layer_score
    where
        protocol = $protocol
        and ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
        and ($rois is null or list_contains($rois, roi))
        and ($models is null or list_contains($models, model))
),

best as (
    select
        protocol,
        dataset,
        split,
        model,
        avg(rho) as model_mean
    from best_layer
    where $rois is null or list_contains($rois, roi)
    group by protocol, dataset, split, model
),

intervals as (
    select
        protocol,
        dataset,
        split,
        model,
        layer,
        roi,
        level,
        resampled,
        lower,
        upper,
        row_number() over (
            partition by protocol, dataset, split, model, layer, roi
            order by resampled = 'both' desc
        ) as place
    from score_interval
    where
        test = 'layer'
        and (
            (resampled = 'both' and method = 'dual')
            or (resampled = 'stimuli' and method = 'expanded_percentile')
        )
),

joined as (
    select
        scores.*,
        best.model_mean,
        intervals.lower,
        intervals.upper,
        intervals.level,
        intervals.resampled,
        dense_rank() over (order by best.model_mean desc, scores.model asc) as model_place,
        row_number() over (
            partition by scores.protocol, scores.dataset, scores.split, scores.model, scores.roi
            order by scores.rho desc, scores.layer_index asc
        ) = 1 as is_best
    from scores
    inner join best
        on
            scores.protocol = best.protocol
            and scores.dataset = best.dataset
            and scores.split = best.split
            and scores.model = best.model
    left join intervals
        on
            scores.protocol = intervals.protocol
            and scores.dataset = intervals.dataset
            and scores.split = intervals.split
            and scores.model = intervals.model
            and scores.layer = intervals.layer
            and scores.roi = intervals.roi
            and intervals.place = 1
),

final as (
    select
        *,
        max(model_place) over () as n_models
    from joined
)

select *
from final
where model_place <= $most
order by model_place, roi_order, roi, layer_index
