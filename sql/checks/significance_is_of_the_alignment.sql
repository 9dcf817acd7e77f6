-- One row: a test whose statistic is not the mean alignment of its layer, or whose layer has no alignment.
with

scores as (
    select
        protocol,
        dataset,
        split,
        model,
        layer,
        roi,
        avg(rho) as rho
    from alignment
    group by all
)

select
    significance.protocol,
    significance.dataset,
    significance.split,
    significance.model,
    significance.layer,
    significance.roi,
    significance.test,
    significance.statistic,
    scores.rho
from significance
left join scores
    on
        significance.protocol = scores.protocol
        and significance.dataset = scores.dataset
        and significance.split = scores.split
        and significance.model = scores.model
        and significance.layer = scores.layer
        and significance.roi = scores.roi
where
    scores.rho is null
    or abs(significance.statistic - scores.rho) > 1e-6
