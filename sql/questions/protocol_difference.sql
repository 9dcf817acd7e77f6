-- What changes in each network's alignment between two protocols, such as `sound` and `paper`?
-- One row: a network in one region, with its best layer, score and p-value under each protocol. Shares are of
-- the upper noise ceiling, where it is reliably above chance.
-- $protocol varchar in protocol.protocol = 'sound': the first protocol
-- $other varchar in protocol.protocol = 'paper': the second protocol; differences are first minus second
-- $roi varchar in roi.roi = null: this region only
-- $model varchar in model.model = null: this network only
-- Example: alignhouse ask protocol_difference --roi V1
with

one as (
    select * from best_layer
    where protocol = $protocol
),

other as (
    select * from best_layer
    where protocol = $other
),

ceilings as (
    select * from region_ceiling
    where is_reliable
),

final as (
    select
        one.dataset,
        one.split,
        one.roi_group,
        one.roi,
        one.model,
        one.protocol,
        other.protocol as other_protocol,
        one.layer,
        other.layer as other_layer,
        one.layer = other.layer as same_layer,
        one.rho,
        other.rho as other_rho,
        one.rho - other.rho as rho_difference,
        one.rho / ceiling.upper as share_of_ceiling,
        other.rho / other_ceiling.upper as other_share_of_ceiling,
        one.p_value,
        other.p_value as other_p_value,
        one.p_value < 0.05 as significant,
        other.p_value < 0.05 as other_significant,
        one.roi_order,
        if(one.remark = other.remark, one.remark, one.remark || '; ' || other.remark) as remark
    from one
    inner join other
        on
            one.dataset = other.dataset
            and one.split = other.split
            and one.model = other.model
            and one.roi = other.roi
    left join ceilings as ceiling
        on
            one.protocol = ceiling.protocol
            and one.dataset = ceiling.dataset
            and one.split = ceiling.split
            and one.roi = ceiling.roi
    left join ceilings as other_ceiling
        on
            other.protocol = other_ceiling.protocol
            and other.dataset = other_ceiling.dataset
            and other.split = other_ceiling.split
            and other.roi = other_ceiling.roi
)

select * exclude (roi_order) from final
where
    ($roi is null or roi = $roi)
    and ($model is null or model = $model)
order by dataset asc, split asc, roi_order asc, abs(rho_difference) desc, model asc
