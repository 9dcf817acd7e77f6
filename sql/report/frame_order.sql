-- One row: what a network's rho in one region loses with frames in another order.
with

regions as (
    select * from roi
    where dataset = $dataset
),

final as (
    select
        differences.protocol,
        differences.dataset,
        differences.split,
        differences.model,
        differences.frame_order,
        differences.roi,
        regions.roi_order,
        differences.comparison,
        differences.layer,
        differences.layer_in_order,
        differences.rho,
        differences.rho_in_order,
        differences.difference,
        differences.lower,
        differences.upper,
        differences.level,
        differences.p_value,
        differences.resampled,
        differences.remark
    from frame_order_difference as differences
    left join regions on differences.roi = regions.roi
    where
        differences.dataset = $dataset
        and differences.split = $split
)

select *
from final
order by protocol, comparison, frame_order, roi_order, model
