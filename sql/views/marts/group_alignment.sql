-- One row: a group of networks in one region, over the best layers of its networks. `group_by` says what
-- networks are grouped by; a network is in one group of each kind.
with

-- unpivoting takes the column weights away
best as (
    select
        *,
        weights = 'random' as is_random
    from best_layer
),

labelled as (
    unpivot best
    on model_type, arch_type, family, training_dataset, objective, weights
    into
    name group_by
    value group_name
),

final as (
    select
        protocol,
        dataset,
        split,
        roi,
        roi_group,
        roi_order,
        group_by,
        group_name,
        count(*) as n_models,
        count(*) filter (where is_random) as n_random,
        median(rho) as median_rho,
        quantile_cont(rho, 0.25) as lower_quartile,
        quantile_cont(rho, 0.75) as upper_quartile,
        arg_max(model, rho) as best_model,
        max(rho) as best_rho,
        count(*) filter (where p_value < 0.05) as n_significant,
        -- the shortest remark is true of all networks; n_random of them are untrained
        arg_min(remark, length(remark)) as remark
    from labelled
    group by protocol, dataset, split, roi, roi_group, roi_order, group_by, group_name
)

select * from final
