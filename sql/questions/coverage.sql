-- Which stimuli did each subject see, and which of them does the study use?
-- One row: a subject whose stimuli may differ from those of other subjects. seen_by_all counts the used
-- stimuli that all subjects saw, which noise ceilings are computed on. not_seen are stimuli of the study
-- without betas of this subject; not_used are betas of stimuli that the study leaves out.
-- $dataset varchar in dataset.dataset = null: this data set only
-- Example: alignhouse ask coverage --dataset bmd-demo
with

shared as (
    select
        dataset,
        split,
        stimulus,
        bool_and(is_used) as is_shared,
        bool_or(is_used) as is_in_study
    from subject_stimulus
    group by dataset, split, stimulus
),

final as (
    select
        subject_stimulus.dataset,
        subject_stimulus.split,
        subject_stimulus.subject,
        count(*) filter (where subject_stimulus.is_used) as used,
        count(*) filter (where shared.is_shared) as seen_by_all,
        count(*) filter (where shared.is_in_study and not subject_stimulus.is_seen) as not_seen,
        count(*) filter (where subject_stimulus.is_seen and not subject_stimulus.is_used) as not_used
    from subject_stimulus
    inner join shared
        on
            subject_stimulus.dataset = shared.dataset
            and subject_stimulus.split = shared.split
            and subject_stimulus.stimulus = shared.stimulus
    where $dataset is null or subject_stimulus.dataset = $dataset
    group by subject_stimulus.dataset, subject_stimulus.split, subject_stimulus.subject
)

select *
from final
order by dataset, split, subject
