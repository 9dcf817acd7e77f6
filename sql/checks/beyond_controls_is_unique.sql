-- One row: a layer that occurs more than once in beyond_controls.
select
    protocol,
    dataset,
    split,
    model,
    layer,
    roi,
    count(*) as times
from beyond_controls
group by all
having count(*) > 1
