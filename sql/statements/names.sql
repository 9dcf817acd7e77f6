-- Every name of a table, a view or a column. Views in the file are not used.
with

shown as (
    select * from information_schema.tables
    where table_catalog = 'memory' or table_type = 'BASE TABLE'
),

columns_shown as (
    select
        shown.table_name,
        columns.column_name
    from information_schema.columns as columns
    inner join shown
        on
            columns.table_catalog = shown.table_catalog
            and columns.table_schema = shown.table_schema
            and columns.table_name = shown.table_name
)

select table_name as name from shown
union
select column_name as name from columns_shown
order by name
