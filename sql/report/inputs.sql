-- One row: an input of the results, with the hash of its content: every file that was read, and every RDM
-- that was computed or given. A betas file that serves many regions is listed once.
with

read_files as (
    select
        artifacts.method as kind,
        entry.key as name,
        entry.value ->> '$' as sha256,
        cast(null as bigint) as rows,
        cast(null as bigint) as bytes
    from artifact as artifacts, json_each(artifacts.inputs) as entry
    where
        artifacts.method in ('betas', 'rdm_file', 'precomputed_rdms', 'stimuli')
        and artifacts.is_current
        and coalesce(artifacts.settings ->> 'dataset', $dataset) = $dataset
),

rdms as (
    select
        method as kind,
        path as name,
        sha256,
        rows,
        bytes
    from artifact
    where
        method in ('brain_rdm', 'extraction', 'rdm_of_grams', 'control_rdm')
        and starts_with(path, 'rdms/')
        and is_current
        and coalesce(settings ->> 'dataset', $dataset) = $dataset
),

final as (
    select * from read_files
    union
    select * from rdms
)

select *
from final
order by kind, name, sha256
