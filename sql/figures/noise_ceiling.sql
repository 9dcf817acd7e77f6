-- Noise ceilings.
-- One row: a region under the protocol.
-- $protocol varchar = 'sound': results of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $rois varchar[] = null: these regions only
select *
from region_ceiling
where
    protocol = $protocol
    and ($dataset is null or dataset = $dataset)
    and ($split is null or split = $split)
    and ($rois is null or list_contains($rois, roi))
order by roi_order, roi
