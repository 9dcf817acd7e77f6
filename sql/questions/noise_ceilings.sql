-- How well could any network align with each region, given how much the subjects differ?
-- One row: a region under one protocol.
-- $protocol varchar = null: this protocol only
-- $roi varchar = null: this region only
-- Example: alignhouse ask noise_ceilings --protocol sound
select
    ceilings.protocol,
    ceilings.dataset,
    ceilings.split,
    regions.roi_group,
    ceilings.roi,
    ceilings.lower,
    ceilings.upper,
    ceilings.n_subjects,
    ceilings.remark
from noise_ceiling as ceilings
inner join roi as regions
    on
        ceilings.dataset = regions.dataset
        and ceilings.roi = regions.roi
where
    ($protocol is null or ceilings.protocol = $protocol)
    and ($roi is null or ceilings.roi = $roi)
order by ceilings.protocol, ceilings.dataset, ceilings.split, regions.roi_order
