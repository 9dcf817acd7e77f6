-- Stores how a run ended.
update run
set
    finished_at = now(),
    status = $status,
    jobs = $jobs
where run = $run
