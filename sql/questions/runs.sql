-- Which runs changed this warehouse, and how did each end?
-- One row: a run, the newest first. seconds and failed are NULL if it is still running or was killed. log is
-- the place of its log inside the warehouse's folder; old logs are removed.
-- $status varchar = null: runs of this status only: running, finished or stopped
-- Example: alignhouse ask runs --status finished
select
    run,
    started_at,
    round(epoch(finished_at - started_at), 1) as seconds,
    status,
    command,
    jobs,
    failed,
    'logs/run-' || run || '.jsonl' as log
from run
where
    case
        when $status is null then true
        when $status in ('running', 'finished', 'stopped') then status = $status
        else error('--status must be one of running, finished, stopped')
    end
order by run desc
