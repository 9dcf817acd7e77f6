-- The best layers of networks, each with the median of its group.
-- One row: a network in one region. group_p is the p of its group's median. For a group of one network that
-- was not tested as a group, it is the network's own p; null if there is neither. model_mean is over regions.
-- $protocol varchar = 'sound': results of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $by varchar = 'model_type': model_type, arch_type, family, training_dataset, objective, weights or protocol
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: these networks only
with

best as (
    select
        *,
        case $by
            when 'model_type' then model_type
            when 'arch_type' then arch_type
            when 'family' then family
            when 'training_dataset' then training_dataset
            when 'objective' then objective
            when 'weights' then weights
            when 'protocol' then protocol
            else error(
                '--by is model_type, arch_type, family, training_dataset, objective, weights or protocol'
            )
        end as group_name
    from best_layer
    where
        ($by = 'protocol' or protocol = $protocol)
        and ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
        and ($rois is null or list_contains($rois, roi))
        and ($models is null or list_contains($models, model))
),

medians as (
    select
        *,
        median(rho) over of_group as group_median,
        count(*) over of_group as group_size,
        avg(rho) over (partition by protocol, dataset, split, model) as model_mean
    from best
    window of_group as (partition by protocol, dataset, split, roi, group_name)
),

tests as (
    select
        protocol,
        dataset,
        split,
        roi,
        group_a,
        n_a,
        p_value
    from group_comparison
    where
        group_by = $by
        and group_b is null
),

-- a test over other networks than those drawn does not apply
final as (
    select
        medians.*,
        coalesce(tests.p_value, case when medians.group_size = 1 then medians.p_value end) as group_p
    from medians
    left join tests
        on
            medians.protocol = tests.protocol
            and medians.dataset = tests.dataset
            and medians.split = tests.split
            and medians.roi = tests.roi
            and medians.group_name = tests.group_a
            and medians.group_size = tests.n_a
)

select *
from final
order by protocol, roi_order, roi, group_name, model
