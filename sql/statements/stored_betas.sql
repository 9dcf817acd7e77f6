-- One row: the betas of one part of a region in one subject and split; the newest come last.
select
    artifact,
    job,
    file_index,
    of_files,
    method,
    method_version,
    settings,
    inputs,
    path,
    sha256,
    bytes,
    rows,
    table_name,
    slot
from artifact
where
    method = 'betas'
    and method_version = $method_version
    and settings ->> 'dataset' = $dataset
    and settings ->> 'version' is not distinct from $version
    and (settings ->> 'skip_bad')::boolean = $skip_bad
order by registered_at, artifact
