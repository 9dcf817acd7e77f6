-- One row: a network in one region, by the layer with the highest partial rho given the control models.
with

beyond as (
    select
        *,
        -- the p of every layer is against the highest of the network, so the least is that of the network
        min(unique_p_family) over (partition by protocol, model, roi) as unique_p_network
    from beyond_controls
    where
        dataset = $dataset
        and split = $split
    qualify row_number() over (
        partition by protocol, model, roi
        order by partial_rho desc nulls last, layer asc
    ) = 1
),

scores as (
    select * from layer_score
),

final as (
    select
        beyond.protocol,
        beyond.dataset,
        beyond.split,
        beyond.model,
        beyond.roi,
        scores.roi_order,
        beyond.layer,
        scores.rho,
        beyond.partial_rho,
        beyond.lower,
        beyond.upper,
        beyond.p_family,
        beyond.permutations,
        beyond.unique_layer,
        beyond.unique_p_network,
        beyond.unique_controls,
        beyond.shared,
        beyond.controls,
        beyond.n_controls,
        beyond.reason,
        beyond.remark
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

select *
from final
order by protocol asc, roi_order asc, partial_rho desc nulls last, model asc
