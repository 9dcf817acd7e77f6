-- Marks artifacts whose rows have been replaced.
update artifact
set is_current = false
where artifact in (select unnest($artifact))
