-- One row: a registered file, in the order of registration. The time is in microseconds since 1970.
select
    artifact,
    path,
    sha256,
    run,
    epoch_us(registered_at) as registered_at
from artifact
order by registered_at, artifact
