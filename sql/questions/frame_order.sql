-- Does the order of frames matter for how well a video network aligns?
-- One row: a network in one region that was also shown shuffled or frozen frames (controls.orders). layer is
-- the layer with the highest mean rho of both orders: difference is rho - rho_in_order of this one layer, and
-- difference_of_best that of the best layer of each order. Each has an interval and a two-sided p, not
-- corrected for the number of rows, of other stimuli and subjects (resampled is both; with one subject,
-- stimuli). They are NULL without bootstraps.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar in roi.roi = null: this region only
-- $model varchar in model.model = null: this network only
-- Example: alignhouse ask frame_order --roi V1
with

orders as (
    select * from control
    where frame_order is not null
),

usual as (
    select * from layer_score
    where
        protocol = $protocol
        and ($roi is null or roi = $roi)
        and ($model is null or model = $model)
),

in_order as (
    select * from control_score
    where protocol = $protocol
),

tests as (
    select * from frame_order_difference
),

-- the layers that both orders have
layers as (
    select
        usual.protocol,
        usual.dataset,
        usual.split,
        usual.roi_group,
        usual.roi_order,
        usual.roi,
        usual.model,
        orders.frame_order,
        usual.layer,
        usual.layer_index,
        usual.rho,
        in_order.rho as rho_in_order,
        usual.n_subjects,
        usual.remark
    from usual
    inner join orders
        on
            usual.dataset = orders.dataset
            and usual.split = orders.split
            and usual.model = orders.network
    inner join in_order
        on
            orders.dataset = in_order.dataset
            and orders.split = in_order.split
            and orders.control = in_order.control
            and usual.roi = in_order.roi
            and usual.layer = in_order.layer
),

-- chosen by both orders alike: a layer that is the best in one of them would favour that order
same as (
    select * from layers
    qualify row_number() over (
        partition by dataset, split, roi, model, frame_order
        order by rho + rho_in_order desc, layer_index asc
    ) = 1
),

highest as (
    select
        dataset,
        split,
        roi,
        model,
        frame_order,
        arg_max(layer, rho) as layer,
        max(rho) as rho,
        arg_max(layer, rho_in_order) as layer_in_order,
        max(rho_in_order) as rho_in_order
    from layers
    group by all
),

final as (
    select
        same.protocol,
        same.dataset,
        same.split,
        same.roi_group,
        same.roi,
        same.model,
        same.frame_order,
        same.layer,
        same.rho,
        same.rho_in_order,
        same.rho - same.rho_in_order as difference,
        of_same.lower,
        of_same.upper,
        of_same.p_value,
        highest.layer as best_layer,
        highest.rho as best_rho,
        highest.layer_in_order as best_layer_in_order,
        highest.rho_in_order as best_rho_in_order,
        highest.rho - highest.rho_in_order as difference_of_best,
        of_best.lower as lower_of_best,
        of_best.upper as upper_of_best,
        of_best.p_value as p_of_best,
        of_best.level,
        of_best.resampled,
        of_best.method,
        same.n_subjects,
        same.remark,
        same.roi_order
    from same
    inner join highest
        on
            same.dataset = highest.dataset
            and same.split = highest.split
            and same.roi = highest.roi
            and same.model = highest.model
            and same.frame_order = highest.frame_order
    left join tests as of_same
        on
            same.protocol = of_same.protocol
            and same.dataset = of_same.dataset
            and same.split = of_same.split
            and same.roi = of_same.roi
            and same.model = of_same.model
            and same.frame_order = of_same.frame_order
            and of_same.comparison = 'same_layer'
    left join tests as of_best
        on
            same.protocol = of_best.protocol
            and same.dataset = of_best.dataset
            and same.split = of_best.split
            and same.roi = of_best.roi
            and same.model = of_best.model
            and same.frame_order = of_best.frame_order
            and of_best.comparison = 'best_layer'
)

select * exclude (roi_order)
from final
order by dataset, split, roi_order, model, frame_order
