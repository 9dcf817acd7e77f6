-- How well do networks of each type align with each region?
-- One row: a model type in one region, over the best layers of its networks.
-- $protocol varchar = 'sound': the protocol whose numbers to give
-- $roi varchar = null: this region only
-- Example: alignhouse ask alignment_by_model_type --roi V1
select
    protocol,
    dataset,
    split,
    roi_group,
    roi,
    model_type,
    count(*) as n_models,
    median(rho) as median_rho,
    quantile_cont(rho, 0.25) as lower_quartile,
    quantile_cont(rho, 0.75) as upper_quartile,
    arg_max(model, rho) as best_model,
    max(rho) as best_rho,
    count(*) filter (where p_value < 0.05) as n_significant,
    any_value(remark) as remark
from best_layer
where
    protocol = $protocol
    and ($roi is null or roi = $roi)
group by protocol, dataset, split, roi_group, roi, roi_order, model_type
order by dataset asc, split asc, roi_order asc, median_rho desc
