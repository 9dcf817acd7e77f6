-- One row: a method, and how many artifacts it made from the file of that path, directly or through others.
with recursive

needs as (
    select
        artifact.artifact,
        artifact.method,
        entry.value ->> '$' as needed
    from artifact
    cross join json_each(artifact.inputs) as entry
),

made as (
    select
        start.artifact,
        0 as steps
    from artifact as start
    where start.path = $path
    union
    select
        needs.artifact,
        made.steps + 1 as steps
    from needs
    inner join made on needs.needed = made.artifact
)

select
    artifact.method,
    count(distinct artifact.artifact) as artifacts
from artifact
inner join made on artifact.artifact = made.artifact
where made.steps > 0
group by artifact.method
order by artifact.method
