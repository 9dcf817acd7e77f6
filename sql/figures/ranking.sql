-- Networks ranked by their best layers, with every subject's own score.
-- One row: a subject's score for a network in one region. rho is the mean over subjects; place is the rank, 1
-- for the highest. lower and upper are the interval of rho over what was resampled, null if there is none.
-- $protocol varchar = 'sound': results of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: these networks only
-- $most integer = 30: at most this many networks per region
with

best as (
    select
        *,
        row_number() over (
            partition by protocol, dataset, split, roi
            order by rho desc, model asc
        ) as place,
        count(*) over (partition by protocol, dataset, split, roi) as n_models
    from best_layer
    where
        protocol = $protocol
        and ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
        and ($rois is null or list_contains($rois, roi))
        and ($models is null or list_contains($models, model))
),

intervals as (
    select
        protocol,
        dataset,
        split,
        model,
        roi,
        lower,
        upper,
        level,
        resampled
    from score_interval
    where test = 'best_layer'
    -- if there are several, the one that generalises to other subjects and other stimuli
    qualify row_number() over (
        partition by protocol, dataset, split, model, roi
        order by list_position(['dual', 'expanded_percentile', 'percentile'], method), resampled <> 'stimuli'
    ) = 1
),

final as (
    select
        best.*,
        intervals.lower,
        intervals.upper,
        intervals.level,
        intervals.resampled,
        alignment.subject,
        alignment.rho as subject_rho
    from best
    inner join alignment
        on
            best.protocol = alignment.protocol
            and best.dataset = alignment.dataset
            and best.split = alignment.split
            and best.model = alignment.model
            and best.layer = alignment.layer
            and best.roi = alignment.roi
    left join intervals
        on
            best.protocol = intervals.protocol
            and best.dataset = intervals.dataset
            and best.split = intervals.split
            and best.model = intervals.model
            and best.roi = intervals.roi
    where best.place <= $most
)

select *
from final
order by roi_order, roi, place, subject
