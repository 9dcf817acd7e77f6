-- One row: a noise ceiling whose lower bound is above its upper bound.
select
    protocol,
    dataset,
    roi,
    lower,
    upper
from noise_ceiling
where
    lower is not null
    and lower > upper
