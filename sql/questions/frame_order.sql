-- Does the order of frames matter for how well a video network aligns?
-- One row: a network in one region that was also shown shuffled or frozen frames (controls.orders): its best
-- layer, and the scores of the same layer and of the best layer in that order.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar in roi.roi = null: this region only
-- $model varchar in model.model = null: this network only
-- Example: alignhouse ask frame_order --roi V1
with

orders as (
    select * from control
    where frame_order is not null
),

scores as (
    select * from control_score
    where protocol = $protocol
),

highest as (
    select
        dataset,
        split,
        control,
        roi,
        max(rho) as rho,
        arg_max(layer, rho) as layer
    from scores
    group by all
),

best as (
    select * from best_layer
    where
        protocol = $protocol
        and ($roi is null or roi = $roi)
        and ($model is null or model = $model)
),

final as (
    select
        best.protocol,
        best.dataset,
        best.split,
        best.roi_group,
        best.roi,
        best.model,
        orders.frame_order,
        best.layer,
        best.rho,
        scores.rho as rho_in_order,
        best.rho - scores.rho as difference,
        highest.layer as best_layer_in_order,
        highest.rho as best_rho_in_order,
        best.rho - highest.rho as difference_of_best,
        best.n_subjects,
        best.remark,
        best.roi_order
    from best
    inner join orders
        on
            best.dataset = orders.dataset
            and best.split = orders.split
            and best.model = orders.network
    inner join highest
        on
            orders.dataset = highest.dataset
            and orders.split = highest.split
            and orders.control = highest.control
            and best.roi = highest.roi
    left join scores
        on
            orders.dataset = scores.dataset
            and orders.split = scores.split
            and orders.control = scores.control
            and best.roi = scores.roi
            and best.layer = scores.layer
)

select * exclude (roi_order)
from final
order by dataset, split, roi_order, model, frame_order
