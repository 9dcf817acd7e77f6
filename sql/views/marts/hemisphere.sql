-- One row: a region of one hemisphere, by its name (lV1, rV1), if the data set has the other hemisphere too.
-- region is the name without its side, region_order the lower order of the two.
with

regions as (
    select * from roi
),

sides as (
    select
        dataset,
        roi,
        roi_order,
        substr(roi, 2) as region,
        case substr(roi, 1, 1) when 'l' then 'left' else 'right' end as hemisphere
    from regions
    where substr(roi, 1, 1) in ('l', 'r')
),

final as (
    select
        dataset,
        roi,
        region,
        hemisphere,
        min(roi_order) over (partition by dataset, region) as region_order
    from sides
    qualify count(distinct hemisphere) over (partition by dataset, region) = 2
)

select * from final
