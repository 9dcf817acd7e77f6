-- One row: an artifact with one of the given names.
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
where artifact in (select unnest($names))
order by artifact
