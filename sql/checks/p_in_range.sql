-- One row: a p-value that no permutation test can give, or that a correction made smaller.
with

tests as (
    select
        'significance' as table_name,
        protocol,
        dataset,
        roi,
        model as what,
        p_value,
        null as p_adjusted
    from significance
    union all
    select
        'group_comparison' as table_name,
        protocol,
        dataset,
        roi,
        concat_ws(' - ', group_a, group_b) as what,
        p_value,
        p_adjusted
    from group_comparison
    union all
    select
        'corrected_significance' as table_name,
        protocol,
        dataset,
        roi,
        model || ', ' || correction as what,
        p_value,
        p_adjusted
    from corrected_significance
    union all
    select
        'noise_ceiling' as table_name,
        protocol,
        dataset,
        roi,
        'agreement of subjects' as what,
        p_value,
        null as p_adjusted
    from noise_ceiling
)

select *
from tests
where
    p_value not between 0 and 1
    or isnan(p_value)
    or p_adjusted > 1
    or p_adjusted < p_value - 1e-12
