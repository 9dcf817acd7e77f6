-- One row: a run that registered something in the warehouse.
select
    run,
    command,
    status,
    started_at,
    finished_at,
    jobs,
    version,
    python,
    host
from run
order by run
