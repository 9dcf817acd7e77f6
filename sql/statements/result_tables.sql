-- One row: a table of the schema `results` in a database. Views are not listed.
select table_name
from duckdb_tables()
where
    database_name = $database
    and schema_name = 'results'
order by table_name
