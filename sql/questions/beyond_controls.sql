-- What do networks explain of each region beyond simple properties of the stimuli?
-- One row: a layer in one region: its plain rho, and its partial rho given all control models together, with
-- test and interval. p_value is for a layer chosen beforehand; p_family corrects for the choice among the
-- network's layers. r2 and shares of variance are cross-validated (non-negative least squares). unique_p and
-- unique_p_family test, one-sided, what the layer adds to the controls' dissimilarities (unique_r, the
-- partial Pearson correlation); they hold their level where controls explain much, the other p-values do not.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar in roi.roi = null: this region only
-- $model varchar in model.model = null: this network only
-- $layers varchar = 'best': best (of each network, by partial rho) or all
-- Example: alignhouse ask beyond_controls --roi V1
with

scores as (
    select * from layer_score
),

beyond as (
    select * from beyond_controls
    where
        protocol = $protocol
        and ($roi is null or roi = $roi)
        and ($model is null or model = $model)
        and case
            when $layers in ('best', 'all') then true
            else error('--layers is best or all')
        end
    qualify
        $layers = 'all'
        or row_number() over (
            partition by dataset, split, model, roi
            order by partial_rho desc nulls last, layer asc
        ) = 1
),

final as (
    select
        beyond.protocol,
        beyond.dataset,
        beyond.split,
        scores.roi_group,
        beyond.roi,
        beyond.model,
        beyond.layer,
        scores.rho,
        beyond.partial_rho,
        beyond.sem,
        beyond.lower,
        beyond.upper,
        beyond.p_value,
        beyond.p_family,
        beyond.r2_controls,
        beyond.r2_layer,
        beyond.r2_both,
        beyond.unique_layer,
        beyond.unique_lower,
        beyond.unique_upper,
        beyond.unique_r,
        beyond.unique_p,
        beyond.unique_p_family,
        beyond.unique_controls,
        beyond.shared,
        beyond.n_subjects,
        beyond.n_controls,
        beyond.reason,
        beyond.remark,
        scores.roi_order,
        scores.layer_index
    from beyond
    left join scores
        on
            beyond.protocol = scores.protocol
            and beyond.dataset = scores.dataset
            and beyond.split = scores.split
            and beyond.model = scores.model
            and beyond.layer = scores.layer
            and beyond.roi = scores.roi
)

select * exclude (roi_order, layer_index)
from final
order by dataset asc, split asc, roi_order asc, partial_rho desc nulls last, model asc, layer_index asc
