-- Which networks are in the warehouse?
-- One row: a network with its weights.
-- Example: alignhouse ask networks --format csv
select *
from network
order by model_type, arch_type, model
