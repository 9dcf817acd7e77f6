-- One row: the noise ceiling of one region under a protocol, with the region's group and order.
-- is_reliable says whether scores may be given as shares of the ceiling: subjects agree more than by chance
-- (p_value at most 0.05), the interval of the lower bound does not include 0, and the lower bound is at least
-- 0.01. Two subjects have no interval. NULL: not tested (a single subject, or results of an older version).
-- n_stimuli counts the stimuli that all subjects saw; NULL in results of an older version.
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
        ceilings.interval_lower,
        ceilings.interval_upper,
        ceilings.level,
        ceilings.p_value,
        ceilings.p_value <= 0.05
        and coalesce(ceilings.interval_lower > 0, true)
        and ceilings.lower >= 0.01 as is_reliable,
        ceilings.n_subjects,
        ceilings.n_stimuli,
        ceilings.remark
    from ceilings
    inner join regions
        on
            ceilings.dataset = regions.dataset
            and ceilings.roi = regions.roi
)

select * from final
