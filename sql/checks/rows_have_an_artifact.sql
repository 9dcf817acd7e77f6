-- One row: a fact table that names an artifact nobody registered.
with

named as (
    select
        'alignment' as table_name,
        artifact
    from alignment
    union
    select
        'significance' as table_name,
        artifact
    from significance
    union
    select
        'noise_ceiling' as table_name,
        artifact
    from noise_ceiling
    union
    select
        'region_reliability' as table_name,
        artifact
    from region_reliability
    union
    select
        'subject_region' as table_name,
        artifact
    from subject_region
)

select
    named.table_name,
    named.artifact
from named
left join artifact as registered on named.artifact = registered.artifact
where registered.artifact is null
