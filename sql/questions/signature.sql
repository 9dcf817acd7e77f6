-- Does each network have a profile over regions of its own, and do groups of networks share theirs?
-- One row: a network. Its signature is how much better or worse it aligns with each region than networks do
-- on average. reliability is the correlation over regions of a subject's signature with the mean of the other
-- subjects', averaged over subjects. within and between are the mean correlations of its signature with those
-- of networks of its own group and of other groups; separation is their difference. alike is the network with
-- the most similar signature. NULL with fewer than three regions, or without other subjects or networks.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $by varchar = 'model_type': groups by model_type, arch_type, family, training_dataset, objective or weights
-- $roi_group varchar in roi.roi_group = null: regions of this group only
-- Example: alignhouse ask signature --by arch_type
with

chosen as (
    select
        *,
        case $by
            when 'model_type' then model_type
            when 'arch_type' then arch_type
            when 'family' then family
            when 'training_dataset' then training_dataset
            when 'objective' then objective
            when 'weights' then weights
            else error('--by is model_type, arch_type, family, training_dataset, objective or weights')
        end as group_name
    from signature
    where
        protocol = $protocol
        and ($roi_group is null or roi_group = $roi_group)
),

others as (
    select
        *,
        sum(deviation) over of_region - deviation as sum_of_others,
        count(*) over of_region - 1 as n_others
    from chosen
    window of_region as (partition by dataset, split, model, roi)
),

of_subjects as (
    select
        dataset,
        split,
        model,
        subject,
        case when count(*) > 2 then corr(deviation, sum_of_others / n_others) end as reliability
    from others
    where n_others > 0
    group by all
),

reliabilities as (
    select
        dataset,
        split,
        model,
        avg(reliability) as reliability,
        count(reliability) as n_subjects
    from of_subjects
    group by all
),

means as (
    select
        protocol,
        dataset,
        split,
        model,
        group_name,
        roi,
        avg(deviation) as deviation,
        any_value(remark) as remark
    from chosen
    group by all
),

pairs as (
    select
        one.dataset,
        one.split,
        one.model,
        other.model as other_model,
        one.group_name = other.group_name as is_of_group,
        case when count(*) > 2 then corr(one.deviation, other.deviation) end as similarity
    from means as one
    inner join means as other
        on
            one.dataset = other.dataset
            and one.split = other.split
            and one.roi = other.roi
            and one.model <> other.model
    group by all
),

similarities as (
    select
        dataset,
        split,
        model,
        avg(similarity) filter (where is_of_group) as within,
        avg(similarity) filter (where not is_of_group) as between_groups,
        arg_max(other_model, similarity) as alike,
        max(similarity) as alike_by
    from pairs
    group by all
),

final as (
    select
        means.protocol,
        means.dataset,
        means.split,
        means.model,
        means.group_name,
        count(*) as n_regions,
        any_value(reliabilities.n_subjects) as n_subjects,
        any_value(reliabilities.reliability) as reliability,
        any_value(similarities.within) as within,
        any_value(similarities.between_groups) as between,
        any_value(similarities.within - similarities.between_groups) as separation,
        any_value(similarities.alike) as alike,
        any_value(similarities.alike_by) as alike_by,
        arg_max(means.roi, means.deviation) as strongest_roi,
        arg_min(means.roi, means.deviation) as weakest_roi,
        any_value(means.remark) as remark
    from means
    left join reliabilities
        on
            means.dataset = reliabilities.dataset
            and means.split = reliabilities.split
            and means.model = reliabilities.model
    left join similarities
        on
            means.dataset = similarities.dataset
            and means.split = similarities.split
            and means.model = similarities.model
    group by all
)

select *
from final
order by dataset asc, split asc, reliability desc nulls last, model asc
