-- How well could the best possible network align with each region, given how much the subjects differ?
-- One row: a region under one protocol. p_value tests whether its subjects agree more than by chance. The
-- interval is that of the lower bound, over subjects. Where is_reliable is false, the brain data are too weak
-- to give scores as shares of the ceiling.
-- $protocol varchar in protocol.protocol = null: this protocol only
-- $roi varchar in roi.roi = null: this region only
-- Example: alignhouse ask noise_ceilings --protocol sound
select * exclude (roi_order)
from region_ceiling
where
    ($protocol is null or protocol = $protocol)
    and ($roi is null or roi = $roi)
order by protocol, dataset, split, roi_order
