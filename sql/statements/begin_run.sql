-- Inserts the row of a run that has started, and returns its number.
insert into run by name
select
    (select coalesce(max(run), 0) + 1 from run) as run,
    now() as started_at,
    'running' as status,
    $command as command,
    $study::json as study,
    $version as version,
    $python as python,
    $host as host
returning run
