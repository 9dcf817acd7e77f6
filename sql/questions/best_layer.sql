-- Which layer of each network aligns best with each region?
-- One row: a network in one region.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar in roi.roi = null: this region only
-- $model varchar in model.model = null: this network only
-- Example: alignhouse ask best_layer --roi V1
select
    protocol,
    dataset,
    split,
    roi_group,
    roi,
    model,
    model_type,
    arch_type,
    weights,
    layer,
    depth,
    rho,
    sem,
    p_value,
    remark
from best_layer
where
    protocol = $protocol
    and ($roi is null or roi = $roi)
    and ($model is null or model = $model)
order by dataset asc, split asc, roi_order asc, rho desc
