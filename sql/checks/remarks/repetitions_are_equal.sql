-- One row: a subject with fewer repetitions of each stimulus than others in the same data set and split.
-- Its RDMs are noisier, which is no fault.
with

subjects as (
    select
        dataset,
        split,
        subject,
        repetitions,
        count(*) as n_regions
    from region_reliability
    group by all
),

final as (
    select
        *,
        max(repetitions) over (partition by dataset, split) as most_repetitions
    from subjects
)

select *
from final
where repetitions < most_repetitions
order by dataset, split, subject
