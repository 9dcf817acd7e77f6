-- One row: an artifact whose rows belong to a table.
select
    table_name,
    artifact,
    path,
    sha256,
    is_current
from artifact
where table_name is not null
order by table_name, artifact
