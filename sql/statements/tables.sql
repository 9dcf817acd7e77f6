-- One row: a table or view of the warehouse.
select
    table_name,
    table_type
from information_schema.tables
where table_schema = 'main'
order by table_name
