-- How many jobs of a run failed. It is null for runs that are not finished, and for runs of an older version.

alter table run add column failed integer;
