-- Alignment against size, cost and accuracy of networks.
-- One row: a network in one region and one of the properties parameters, gflops and top1. value is null if it
-- is not known. x is its logarithm to base 10 (for top1: the value itself), on which rho is regressed.
-- x_from, rho_from, x_to, rho_to are the ends of the line, null if no correlation could be computed.
-- correlation (Pearson) and its interval come from the table complexity.
-- $protocol varchar = 'sound': results of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $rois varchar[] = null: these regions only
with

best as (
    select *
    from best_layer
    where
        protocol = $protocol
        and ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
        and ($rois is null or list_contains($rois, roi))
),

figures as (
    select
        model,
        unnest(['parameters', 'gflops', 'top1']) as figure,
        unnest([cast(parameters as double), gflops, top1]) as value
    from model
),

points as (
    select
        best.*,
        figures.figure,
        figures.value,
        case
            when figures.figure = 'top1' then figures.value
            when figures.value > 0 then log10(figures.value)
        end as x
    from best
    inner join figures on best.model = figures.model
),

correlations as (
    select
        protocol,
        dataset,
        split,
        roi,
        figure,
        correlation,
        lower,
        upper,
        level,
        n_networks,
        n_left_out
    from complexity
    where
        method = 'pearson'
        and given = ''
),

fitted as (
    select
        protocol,
        dataset,
        split,
        roi,
        figure,
        min(x) as x_from,
        max(x) as x_to,
        regr_slope(rho, x) as slope,
        regr_intercept(rho, x) as intercept
    from points
    group by protocol, dataset, split, roi, figure
),

final as (
    select
        points.*,
        correlations.correlation,
        correlations.lower,
        correlations.upper,
        correlations.level,
        correlations.n_networks,
        correlations.n_left_out,
        case when correlations.correlation is not null then fitted.x_from end as x_from,
        case when correlations.correlation is not null then fitted.x_to end as x_to,
        case
            when correlations.correlation is not null then fitted.intercept + fitted.slope * fitted.x_from
        end as rho_from,
        case
            when correlations.correlation is not null then fitted.intercept + fitted.slope * fitted.x_to
        end as rho_to
    from points
    inner join fitted
        on
            points.protocol = fitted.protocol
            and points.dataset = fitted.dataset
            and points.split = fitted.split
            and points.roi = fitted.roi
            and points.figure = fitted.figure
    left join correlations
        on
            points.protocol = correlations.protocol
            and points.dataset = correlations.dataset
            and points.split = correlations.split
            and points.roi = correlations.roi
            and points.figure = correlations.figure
)

select *
from final
order by roi_order, roi, figure, model
