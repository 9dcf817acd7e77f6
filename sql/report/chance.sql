-- One row: a protocol with the numbers of permutations and draws, and the seeds; NULL for what was not done.
-- If a warehouse has results of several settings, the largest of each.
with

tests as (
    select
        protocol,
        max(permutations) as permutations,
        max(seed) as seed
    from significance
    where
        dataset = $dataset
        and split = $split
    group by protocol
),

intervals as (
    select
        protocol,
        max(draws) as draws,
        max(level) as level
    from score_interval
    where
        dataset = $dataset
        and split = $split
    group by protocol
),

choices as (
    select
        protocol,
        max(chosen_on) as chosen_on,
        max(choices) as choices
    from layer_choice
    where
        dataset = $dataset
        and split = $split
    group by protocol
),

final as (
    select
        tests.protocol,
        tests.permutations,
        tests.seed,
        intervals.draws,
        intervals.level,
        choices.chosen_on,
        choices.choices
    from tests
    left join intervals on tests.protocol = intervals.protocol
    left join choices on tests.protocol = choices.protocol
)

select *
from final
order by protocol
