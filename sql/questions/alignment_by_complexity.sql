-- Do larger, costlier or more accurate networks align better?
-- One row: the correlation of best-layer alignment with one property of the networks in one region, with its
-- interval. given names the properties that are held constant (a partial correlation); it is empty if there
-- are none. n_left_out networks lack a value; the correlation is NULL if too few remain.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar in roi.roi = null: this region only
-- $figure varchar = null: parameters, gflops or top1
-- $method varchar = 'spearman': spearman or pearson
-- Example: alignhouse ask alignment_by_complexity --figure gflops
with

regions as (
    select * from roi
),

correlations as (
    select *
    from complexity
    where
        protocol = $protocol
        and method = $method
        and ($roi is null or roi = $roi)
        and ($figure is null or figure = $figure)
),

final as (
    select
        correlations.protocol,
        correlations.dataset,
        correlations.split,
        regions.roi_group,
        correlations.roi,
        correlations.figure,
        correlations.given,
        correlations.method,
        correlations.correlation,
        correlations.lower,
        correlations.upper,
        correlations.level,
        correlations.n_networks,
        correlations.n_left_out,
        correlations.remark,
        regions.roi_order
    from correlations
    left join regions
        on
            correlations.dataset = regions.dataset
            and correlations.roi = regions.roi
)

select * exclude (roi_order)
from final
order by dataset, split, roi_order, roi, figure, given
