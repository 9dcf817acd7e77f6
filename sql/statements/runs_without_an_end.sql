-- One row: a run whose process ended without saying so.
select run
from run
where status = 'running'
order by run
