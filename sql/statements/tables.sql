-- One row: a table, a view of this version, or a user's result. Views in the file are not used.
with

shown as (
    select
        case table_schema when 'results' then 'results.' || table_name else table_name end as table_name,
        case table_schema when 'results' then 'BASE TABLE' else table_type end as table_type
    from information_schema.tables
    where
        (table_schema = 'main' and (table_catalog = 'memory' or table_type = 'BASE TABLE'))
        or (table_schema = 'results' and table_catalog = 'memory')
)

select
    table_name,
    min(table_type) as table_type
from shown
group by table_name
order by table_name
