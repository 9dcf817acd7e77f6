-- How well do control models (simple properties of the stimuli) align with each region?
-- One row: a control model in one region, by its best layer (controls of frames or annotations have one).
-- p_value is that of the layer alone. network and frame_order name a network that saw other orders of frames.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar in roi.roi = null: this region only
-- $control varchar in control.control = null: this control only
-- Example: alignhouse ask controls --roi V1
with

descriptions as (
    select * from control
),

ceilings as (
    select * from region_ceiling
),

regions as (
    select * from roi
),

best as (
    select * from control_score
    where
        protocol = $protocol
        and ($roi is null or roi = $roi)
        and ($control is null or control = $control)
    qualify row_number() over (
        partition by dataset, split, control, roi
        order by rho desc, layer_index asc
    ) = 1
),

final as (
    select
        best.protocol,
        best.dataset,
        best.split,
        regions.roi_group,
        best.roi,
        best.control,
        descriptions.source,
        descriptions.network,
        descriptions.frame_order,
        best.layer,
        best.rho,
        best.sem,
        best.p_value,
        -- weak brain data have no share
        case when ceilings.is_reliable then best.rho / ceilings.lower end as share_of_ceiling,
        best.n_subjects,
        descriptions.description,
        best.remark,
        regions.roi_order
    from best
    inner join descriptions
        on
            best.dataset = descriptions.dataset
            and best.split = descriptions.split
            and best.control = descriptions.control
    left join regions
        on
            best.dataset = regions.dataset
            and best.roi = regions.roi
    left join ceilings
        on
            best.protocol = ceilings.protocol
            and best.dataset = ceilings.dataset
            and best.split = ceilings.split
            and best.roi = ceilings.roi
)

select * exclude (roi_order)
from final
order by dataset asc, split asc, roi_order asc, rho desc, control asc
