-- Notes that rows of artifacts have been replaced.
update artifact
set is_current = false
where artifact in (select unnest($artifact))
