-- One row: the number of the next run.
select coalesce(max(run), 0) + 1 as run
from run
