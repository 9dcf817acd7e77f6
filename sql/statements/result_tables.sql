-- One row: a table of the schema `results` in an open database. Views are not listed.
select
    database_name,
    table_name
from duckdb_tables()
where schema_name = 'results'
order by database_name, table_name
