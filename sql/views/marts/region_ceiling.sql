-- One row: the noise ceiling of one region under a protocol, with the region's group and order.
with

ceilings as (
    select * from noise_ceiling
),

regions as (
    select * from roi
),

final as (
    select
        ceilings.protocol,
        ceilings.dataset,
        ceilings.split,
        ceilings.roi,
        regions.roi_group,
        regions.roi_order,
        ceilings.lower,
        ceilings.upper,
        ceilings.n_subjects,
        ceilings.remark
    from ceilings
    inner join regions
        on
            ceilings.dataset = regions.dataset
            and ceilings.roi = regions.roi
)

select * from final
