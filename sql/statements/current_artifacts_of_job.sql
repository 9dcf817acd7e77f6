-- One row: a file of a job whose rows are current.
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
    job = $job
    and is_current
order by file_index
