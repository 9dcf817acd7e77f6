-- One row: a key that occurs more than once in alignment.
select
    protocol,
    dataset,
    split,
    model,
    layer,
    roi,
    subject,
    count(*) as times
from alignment
group by all
having count(*) > 1
