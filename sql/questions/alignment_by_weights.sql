-- How well do pretrained and untrained networks align with each region?
-- One row: networks of one kind of weights (pretrained, random) in one region, over their best layers. Each
-- network's own difference: training_effect.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar in roi.roi = null: this region only
-- Example: alignhouse ask alignment_by_weights --roi V1
select
    protocol,
    dataset,
    split,
    roi_group,
    roi,
    group_name as weights,
    n_models,
    median_rho,
    lower_quartile,
    upper_quartile,
    best_model,
    best_rho,
    n_significant,
    remark
from group_alignment
where
    group_by = 'weights'
    and protocol = $protocol
    and ($roi is null or roi = $roi)
order by dataset asc, split asc, roi_order asc, median_rho desc
