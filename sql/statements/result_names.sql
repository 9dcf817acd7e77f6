-- One row: a statistic that a user has added.
select distinct result
from result
order by result
