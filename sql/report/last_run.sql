-- One row: the latest run of a study of one data set that registered something. If none is known (the tables
-- were rebuilt from files), the latest run of all.
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
order by
    coalesce(study ->> '$.brain.dataset' = $dataset, false) desc,
    run desc
limit 1
