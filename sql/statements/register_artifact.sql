-- Makes an artifact known, or known again.
insert or replace into artifact by name
select
    $artifact as artifact,
    $job as job,
    $file_index as file_index,
    $of_files as of_files,
    $method as method,
    $method_version as method_version,
    $path as path,
    $sha256 as sha256,
    $bytes as bytes,
    $rows as rows,
    $settings::json as settings,
    $inputs::json as inputs,
    $table_name as table_name,
    $slot::json as slot,
    true as is_current,
    $run as run,
    now() as registered_at
