-- One row: a region with network scores but without a noise ceiling.
select distinct
    alignment.protocol,
    alignment.dataset,
    alignment.split,
    alignment.roi
from alignment
left join noise_ceiling
    on
        alignment.protocol = noise_ceiling.protocol
        and alignment.dataset = noise_ceiling.dataset
        and alignment.split = noise_ceiling.split
        and alignment.roi = noise_ceiling.roi
where noise_ceiling.roi is null
