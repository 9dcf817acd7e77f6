-- One row: a file of a job whose rows have all been replaced, unless a job that stays has it as an input.
-- $shown lists the artifacts that rows of facts name. Files of one job stay or go together. All files of a
-- table stay if its artifacts have different slots: then a rebuild could not repeat who replaced whom.
with recursive

shown as (
    select unnest($shown) as name
),

of_many_slots as (
    select table_name as name
    from artifact
    where table_name is not null
    group by table_name
    having count(distinct slot) > 1
),

replaced as (
    select job
    from artifact
    group by job
    having
        not bool_and(is_current)
        and not bool_or(artifact in (select shown.name from shown))
        and not bool_or(coalesce(table_name in (select of_many_slots.name from of_many_slots), false))
),

input as (
    select
        job,
        unnest(json_extract_string(inputs, '$.*')) as name
    from artifact
),

-- An input is the name of an artifact or the key of a job; hashes of raw files match neither.
source as (
    select
        artifact as name,
        job
    from artifact
    union
    select
        job as name,
        job
    from artifact
),

needed as (
    select job
    from artifact
    where job not in (select replaced.job from replaced)
    union
    select source.job
    from needed
    inner join input on needed.job = input.job
    inner join source on input.name = source.name
)

select
    artifact,
    job,
    path
from artifact
where job not in (select needed.job from needed)
order by path
