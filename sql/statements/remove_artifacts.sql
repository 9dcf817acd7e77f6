-- Removes the records of artifacts that have no rows any more.
delete from artifact
where artifact in (select unnest($artifact))
