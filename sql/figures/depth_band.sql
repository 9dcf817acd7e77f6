-- The mean alignment of groups of networks over depth, with its 95 % band.
-- One row: a group in one region at one depth of the common grid. The band is mean -/+ t * sem over the
-- group's networks (Student's t, n_models - 1 degrees of freedom). It is null for fewer than three networks:
-- for two, t is 12.7, so the band would be too wide to be useful. n_left_out networks have no depth, since
-- the order of their layers is not known.
-- $protocol varchar = 'sound': results of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $by varchar = 'model_type': model_type, arch_type, family, training_dataset, objective, weights or protocol
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: these networks only
with

subjects as (
    select
        protocol,
        dataset,
        split,
        model,
        roi,
        n_subjects
    from best_layer
),

-- the .975 quantile of Student's t for 1 to 30 degrees of freedom; for more, Cornish and Fisher's expansion
-- about the normal quantile (Abramowitz & Stegun 26.7.5)
t_table as (
    select
        [
            12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912,
            2.364624, 2.306004, 2.262157, 2.228139, 2.200985, 2.178813,
            2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922,
            2.093024, 2.085963, 2.079614, 2.073873, 2.068658, 2.063899,
            2.059539, 2.055529, 2.051831, 2.048407, 2.045230, 2.042272
        ] as quantiles,
        1.959963984540054 as z
),

left_out as (
    select
        protocol,
        dataset,
        split,
        count(distinct model) as n_left_out
    from best_layer
    where
        depth is null
        and ($rois is null or list_contains($rois, roi))
        and ($models is null or list_contains($models, model))
    group by all
),

profiles as (
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
    from depth_profile
    where
        ($by = 'protocol' or protocol = $protocol)
        and ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
        and ($rois is null or list_contains($rois, roi))
        and ($models is null or list_contains($models, model))
),

groups as (
    select
        profiles.protocol,
        profiles.dataset,
        profiles.split,
        profiles.roi,
        profiles.roi_group,
        profiles.roi_order,
        profiles.group_name,
        profiles.depth,
        count(*) as n_models,
        count(*) filter (where profiles.weights = 'random') as n_random,
        min(subjects.n_subjects) as n_subjects,
        avg(profiles.rho) as rho,
        stddev_samp(profiles.rho) / sqrt(count(*)) as sem,
        -- the shortest remark is true of all networks; n_random of them are untrained
        arg_min(profiles.remark, length(profiles.remark)) as remark
    from profiles
    left join subjects
        on
            profiles.protocol = subjects.protocol
            and profiles.dataset = subjects.dataset
            and profiles.split = subjects.split
            and profiles.model = subjects.model
            and profiles.roi = subjects.roi
    group by
        profiles.protocol,
        profiles.dataset,
        profiles.split,
        profiles.roi,
        profiles.roi_group,
        profiles.roi_order,
        profiles.group_name,
        profiles.depth
),

quantiles as (
    select
        groups.*,
        case
            when groups.n_models < 3 then null
            when groups.n_models <= 31 then t_table.quantiles[groups.n_models - 1]
            else
                t_table.z
                + (t_table.z ^ 3 + t_table.z) / (4 * (groups.n_models - 1))
                + (5 * t_table.z ^ 5 + 16 * t_table.z ^ 3 + 3 * t_table.z) / (96 * (groups.n_models - 1) ^ 2)
                + (3 * t_table.z ^ 7 + 19 * t_table.z ^ 5 + 17 * t_table.z ^ 3 - 15 * t_table.z)
                / (384 * (groups.n_models - 1) ^ 3)
        end as t
    from groups
    cross join t_table
),

bands as (
    select
        * exclude (t),
        rho - t * sem as lower,
        rho + t * sem as upper
    from quantiles
),

final as (
    select
        bands.*,
        coalesce(left_out.n_left_out, 0) as n_left_out
    from bands
    left join left_out
        on
            bands.protocol = left_out.protocol
            and bands.dataset = left_out.dataset
            and bands.split = left_out.split
)

select *
from final
order by protocol, roi_order, roi, group_name, depth
