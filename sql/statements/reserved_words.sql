-- One row: a word that SQL reserves, so that a table of this name needs quotes.
select keyword_name
from duckdb_keywords()
where keyword_category = 'reserved'
order by keyword_name
