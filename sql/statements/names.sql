-- Every name of a table, a view or a column.
select table_name as name
from information_schema.tables
union
select column_name as name
from information_schema.columns
order by name
