-- How well do networks of each training objective align with each region?
-- One row: an objective (supervised, contrastive, masked, ...) in one region, over the best layers of its
-- networks. The objective is that of the last training of the weights; none for untrained networks.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar in roi.roi = null: this region only
-- Example: alignhouse ask alignment_by_objective --roi V1
select
    protocol,
    dataset,
    split,
    roi_group,
    roi,
    group_name as objective,
    n_models,
    n_random,
    median_rho,
    lower_quartile,
    upper_quartile,
    best_model,
    best_rho,
    n_significant,
    remark
from group_alignment
where
    group_by = 'objective'
    and protocol = $protocol
    and ($roi is null or roi = $roi)
order by dataset asc, split asc, roi_order asc, median_rho desc
