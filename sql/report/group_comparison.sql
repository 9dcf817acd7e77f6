-- One row: the median of a group of networks in one region or, with group_b, the difference of two groups'
-- medians: its test and, if there are bootstraps, its interval.
with

tests as (
    select * from group_comparison
    where
        dataset = $dataset
        and split = $split
),

intervals as (
    select * from difference_interval
    where
        dataset = $dataset
        and split = $split
    -- if there are several, the one that generalises to other subjects and other stimuli
    qualify row_number() over (
        partition by protocol, roi, group_by, group_a, group_b
        order by list_position(['dual', 'expanded_percentile', 'percentile'], method), resampled <> 'stimuli'
    ) = 1
),

regions as (
    select * from roi
    where dataset = $dataset
),

final as (
    select
        tests.protocol,
        tests.dataset,
        tests.split,
        tests.group_by,
        tests.group_a,
        tests.group_b,
        tests.n_a,
        tests.n_b,
        tests.roi,
        regions.roi_group,
        regions.roi_order,
        tests.statistic,
        intervals.lower,
        intervals.upper,
        intervals.level,
        intervals.resampled,
        tests.p_value,
        tests.p_adjusted,
        tests.correction,
        tests.permutations,
        count(tests.group_b) over (partition by tests.protocol, tests.group_by, tests.roi) as n_pairs,
        tests.remark
    from tests
    left join intervals
        on
            tests.protocol = intervals.protocol
            and tests.roi = intervals.roi
            and tests.group_by = intervals.group_by
            and tests.group_a = intervals.group_a
            and tests.group_b is not distinct from intervals.group_b
    left join regions on tests.roi = regions.roi
)

select *
from final
order by protocol, group_by, group_b nulls first, group_a, roi_order
