-- One row: a table of the warehouse, or a view of this version. Views in the file are not used.
select
    table_name,
    min(table_type) as table_type
from information_schema.tables
where
    table_schema = 'main'
    and (table_catalog = 'memory' or table_type = 'BASE TABLE')
group by table_name
order by table_name
