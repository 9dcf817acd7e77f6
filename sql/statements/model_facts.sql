-- Every network that the warehouse describes, with its facts.
select *
from model
order by model
