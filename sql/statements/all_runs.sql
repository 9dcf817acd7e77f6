-- One row: a run. Times are in microseconds since 1970.
select
    run,
    epoch_us(started_at) as started_at,
    epoch_us(finished_at) as finished_at,
    status,
    command,
    study,
    version,
    python,
    host,
    jobs,
    failed
from run
order by run
