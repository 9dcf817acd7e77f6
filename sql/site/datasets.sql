-- One row: a data set on which networks were scored, with its subjects in their order.
with

scored as (
    select distinct dataset
    from alignment
),

subjects as (
    select
        dataset,
        list(subject order by subject_order) as subjects
    from subject
    group by dataset
),

final as (
    select
        datasets.dataset,
        datasets.kind,
        datasets.version,
        datasets.is_synthetic,
        datasets.remark,
        coalesce(subjects.subjects, []) as subjects
    from dataset as datasets
    inner join scored on datasets.dataset = scored.dataset
    left join subjects on datasets.dataset = subjects.dataset
)

select *
from final
order by dataset
