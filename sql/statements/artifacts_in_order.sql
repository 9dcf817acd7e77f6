-- One row: a registered file, in the order of registration. The time is in microseconds since 1970.
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
    slot,
    is_current,
    run,
    epoch_us(registered_at) as registered_at
from artifact
order by registered_at, artifact
