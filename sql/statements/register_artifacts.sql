-- Registers artifacts, or again. Each parameter except run and time is a list with a value per artifact.
insert or replace into artifact by name
select
    unnest($artifact) as artifact,
    unnest($job) as job,
    unnest($file_index) as file_index,
    unnest($of_files) as of_files,
    unnest($method) as method,
    unnest($method_version) as method_version,
    unnest($path) as path,
    unnest($sha256) as sha256,
    unnest($bytes) as bytes,
    unnest($rows) as rows,
    unnest($settings)::json as settings,
    unnest($inputs)::json as inputs,
    unnest($table_name) as table_name,
    unnest($slot)::json as slot,
    true as is_current,
    $run as run,
    $at::timestamptz as registered_at
