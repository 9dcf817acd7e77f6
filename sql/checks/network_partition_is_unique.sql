-- One row: two networks whose partition is stored more than once, or not in the order of their names.
select
    protocol,
    dataset,
    split,
    least(model, other_model) as model,
    greatest(model, other_model) as other_model,
    roi,
    count(*) as times
from network_partition
group by all
having count(*) > 1 or bool_or(model >= other_model)
