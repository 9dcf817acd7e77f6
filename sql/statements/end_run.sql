-- Stores how a run ended. The time and the number of jobs are null if its process was killed.
update run
set
    finished_at = $finished_at::timestamptz,
    status = $status,
    jobs = $jobs,
    failed = $failed
where run = $run
