-- Inserts the row of a run that has started.
insert into run by name
select
    $run as run,
    $started_at::timestamptz as started_at,
    'running' as status,
    $command as command,
    $study::json as study,
    $version as version,
    $python as python,
    $host as host
