-- One row: a file of one of the given jobs, if its rows are current.
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
    job in (select unnest($jobs))
    and is_current
order by job, file_index
