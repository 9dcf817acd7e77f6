-- One row: the latest run that added something.
select
    run,
    started_at,
    finished_at,
    status,
    command,
    study,
    version,
    python,
    host,
    jobs
from run
order by run desc
limit 1
