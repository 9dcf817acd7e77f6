-- One row: the contents of the warehouse as one hash; the same hash gives the same report.
select md5(string_agg(artifact, ',' order by artifact)) as state
from artifact
where is_current
