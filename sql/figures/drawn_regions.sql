-- The regions in which networks were scored.
-- One row: a region, with its place (from 1) within its group: the first has the highest median rho of the
-- networks' best layers.
-- $protocol varchar = 'sound': the protocol of the scores
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
select
    roi,
    roi_group,
    roi_order,
    row_number() over (partition by roi_group order by median(rho) desc, roi_order asc, roi asc) as place
from best_layer
where
    protocol = $protocol
    and ($dataset is null or dataset = $dataset)
    and ($split is null or split = $split)
group by roi, roi_group, roi_order
order by roi_order, roi
