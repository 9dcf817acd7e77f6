-- Does a finding in one data set hold in the others?
-- One row: a network in one region, or group of regions, of one data set; regions are matched by name.
-- agreement says how alike two data sets order the networks: Spearman's correlation of their ranks, averaged
-- over the other data sets. place is the rank among the n_models networks that all data sets have; NULL for
-- others. of_ceiling is the mean share of the upper noise ceiling over the n_of_ceiling reliable regions.
-- datasets_significant counts data sets in which a region has p < 0.05 and rho above 0. replicates says if
-- that holds in all n_datasets; NULL without p-values. Data sets of the same people are no replication.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $by varchar = 'roi': rows are regions (roi) or groups of regions (roi_group), whose regions may differ
-- $split varchar = null: this split only
-- $roi_group varchar in roi.roi_group = null: regions of this group only
-- $roi varchar in roi.roi = null: this region only
-- $model varchar in model.model = null: this network only; ranks are among all
-- Example: alignhouse ask replication --by roi_group
with

ceilings as (
    select * from region_ceiling
    where is_reliable
),

best as (
    select
        best_layer.*,
        ceilings.upper,
        case $by
            when 'roi' then best_layer.roi
            when 'roi_group' then best_layer.roi_group
            else error('--by is roi or roi_group')
        end as region
    from best_layer
    left join ceilings
        on
            best_layer.protocol = ceilings.protocol
            and best_layer.dataset = ceilings.dataset
            and best_layer.split = ceilings.split
            and best_layer.roi = ceilings.roi
    where
        best_layer.protocol = $protocol
        and ($split is null or best_layer.split = $split)
        and ($roi_group is null or best_layer.roi_group = $roi_group)
        and ($roi is null or best_layer.roi = $roi)
),

scores as (
    select
        protocol,
        region,
        model,
        dataset,
        split,
        count(*) as n_regions,
        avg(rho) as rho,
        avg(rho / upper) as of_ceiling,
        count(upper) as n_of_ceiling,
        min(p_value) as p_least,
        count(p_value) as n_tested,
        count(*) filter (where p_value < 0.05 and rho > 0) as n_significant,
        min(roi_order) as region_order,
        arg_min(remark, length(remark)) as remark
    from best
    group by all
),

-- what there is to compare: regions of at least two data sets; a data set may have several splits
compared as (
    select
        region,
        min(region_order) as region_order,
        count(distinct dataset) as n_datasets,
        count(distinct struct_pack(dataset, split)) as n_parts
    from scores
    group by region
    having count(distinct dataset) > 1
),

networks as (
    select
        scores.region,
        scores.model,
        count(*) = any_value(compared.n_parts) as is_everywhere,
        count(distinct scores.dataset) as n_datasets,
        count(distinct scores.dataset) filter (where scores.rho > 0) as datasets_positive,
        count(distinct scores.dataset) filter (where scores.n_significant > 0) as datasets_significant,
        bool_and(scores.n_tested > 0) as is_tested,
        avg(scores.rho) as mean_rho
    from scores
    inner join compared on scores.region = compared.region
    group by scores.region, scores.model
    having count(distinct scores.dataset) > 1
),

-- ranks among the networks of all data sets, with ties averaged, as Spearman's correlation requires
placed as (
    select
        scores.region,
        scores.model,
        scores.dataset,
        scores.split,
        rank() over part + (count(*) over part_ties - 1) / 2 as place,
        count(*) over whole as n_models
    from scores
    inner join networks
        on
            scores.region = networks.region
            and scores.model = networks.model
    where networks.is_everywhere
    window
        part as (partition by scores.region, scores.dataset, scores.split order by scores.rho desc),
        part_ties as (partition by scores.region, scores.dataset, scores.split, scores.rho),
        whole as (partition by scores.region, scores.dataset, scores.split)
),

pairs as (
    select
        one.region,
        one.dataset,
        one.split,
        -- fewer than three networks have no meaningful order
        case when count(*) > 2 then corr(one.place, other.place) end as agreement
    from placed as one
    inner join placed as other
        on
            one.region = other.region
            and one.model = other.model
            and one.dataset != other.dataset
    group by one.region, one.dataset, one.split, other.dataset, other.split
),

agreements as (
    select
        region,
        dataset,
        split,
        avg(agreement) as agreement
    from pairs
    group by all
),

final as (
    select
        scores.protocol,
        scores.region,
        scores.model,
        scores.dataset,
        scores.split,
        scores.n_regions,
        scores.rho,
        scores.of_ceiling,
        scores.n_of_ceiling,
        scores.p_least,
        scores.n_significant,
        placed.place,
        placed.n_models,
        networks.n_datasets,
        networks.datasets_positive,
        networks.datasets_significant,
        case
            when networks.is_tested then networks.datasets_significant = networks.n_datasets
        end as replicates,
        agreements.agreement,
        scores.remark,
        compared.region_order,
        networks.mean_rho
    from scores
    inner join compared on scores.region = compared.region
    inner join networks
        on
            scores.region = networks.region
            and scores.model = networks.model
    left join placed
        on
            scores.region = placed.region
            and scores.model = placed.model
            and scores.dataset = placed.dataset
            and scores.split = placed.split
    left join agreements
        on
            scores.region = agreements.region
            and scores.dataset = agreements.dataset
            and scores.split = agreements.split
    where $model is null or scores.model = $model
)

select * exclude (region_order, mean_rho)
from final
order by region_order asc, region asc, mean_rho desc, model asc, dataset asc, split asc
