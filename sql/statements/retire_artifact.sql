-- Notes that rows of an artifact have been replaced.
update artifact
set is_current = false
where artifact = $artifact
