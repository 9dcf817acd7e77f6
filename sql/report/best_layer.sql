-- One row: a network in one region, by its best layer, on one data set and split; with its p-value corrected
-- for all networks and regions, its interval, and the layer that other stimuli choose, if these are known.
with

best as (
    select * from best_layer
    where
        dataset = $dataset
        and split = $split
),

corrected as (
    select
        protocol,
        dataset,
        split,
        model,
        roi,
        max(p_adjusted) filter (where correction = 'benjamini_hochberg') as q_value,
        max(p_adjusted) filter (where correction = 'max_statistic') as p_family
    from corrected_significance
    where test = 'best_layer'
    group by all
),

intervals as (
    select
        protocol,
        dataset,
        split,
        model,
        roi,
        lower,
        upper,
        level
    from score_interval
    where test = 'best_layer'
    -- if there are several, the one that generalises to other subjects and other stimuli
    qualify row_number() over (
        partition by protocol, dataset, split, model, roi
        order by list_position(['dual', 'expanded_percentile', 'percentile'], method), resampled <> 'stimuli'
    ) = 1
),

tests as (
    select
        protocol,
        dataset,
        split,
        model,
        roi,
        any_value(permutations) as permutations
    from significance
    where test = 'best_layer'
    group by all
),

choices as (
    select * from layer_choice
),

ceilings as (
    select * from region_ceiling
),

final as (
    select
        best.protocol,
        best.dataset,
        best.split,
        best.model,
        best.model_type,
        best.arch_type,
        best.family,
        best.training_dataset,
        best.objective,
        best.weights,
        best.roi,
        best.roi_group,
        best.roi_order,
        best.layer,
        best.depth,
        best.rho,
        best.sem,
        intervals.lower as rho_lower,
        intervals.upper as rho_upper,
        intervals.level,
        best.p_value,
        tests.permutations,
        corrected.q_value,
        corrected.p_family,
        -- weak brain data have no share
        case when ceilings.is_reliable then best.rho / ceilings.lower end as share_of_ceiling,
        choices.layer as chosen_layer,
        choices.rho as chosen_rho,
        best.remark
    from best
    left join corrected
        on
            best.protocol = corrected.protocol
            and best.dataset = corrected.dataset
            and best.split = corrected.split
            and best.model = corrected.model
            and best.roi = corrected.roi
    left join tests
        on
            best.protocol = tests.protocol
            and best.dataset = tests.dataset
            and best.split = tests.split
            and best.model = tests.model
            and best.roi = tests.roi
    left join intervals
        on
            best.protocol = intervals.protocol
            and best.dataset = intervals.dataset
            and best.split = intervals.split
            and best.model = intervals.model
            and best.roi = intervals.roi
    left join choices
        on
            best.protocol = choices.protocol
            and best.dataset = choices.dataset
            and best.split = choices.split
            and best.model = choices.model
            and best.roi = choices.roi
    left join ceilings
        on
            best.protocol = ceilings.protocol
            and best.dataset = ceilings.dataset
            and best.split = ceilings.split
            and best.roi = ceilings.roi
)

select *
from final
order by protocol, roi_order, model
