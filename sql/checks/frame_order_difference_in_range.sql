-- One row: an impossible difference between two orders of frames, or one that occurs more than once.
with

differences as (
    select
        *,
        count(*) over (
            partition by protocol, dataset, split, model, frame_order, roi, comparison
        ) as times
    from frame_order_difference
)

select
    protocol,
    dataset,
    split,
    model,
    frame_order,
    roi,
    comparison,
    difference,
    lower,
    upper,
    p_value,
    times
from differences
where
    times > 1
    or lower > upper
    or isnan(lower)
    or isnan(upper)
    or p_value not between 0 and 1
    or isnan(p_value)
    or rho not between -1 and 1
    or rho_in_order not between -1 and 1
    or abs(rho - rho_in_order - difference) > 1e-12
    or (comparison = 'same_layer' and layer != layer_in_order)
