-- Which networks align best, over all regions?
-- One row: a network, over its best layers in all selected regions. mean_place is its mean rank among a
-- region's networks (1 is the highest; ties share their mean rank). of_ceiling is the mean share of the upper
-- noise ceiling that it reaches, over the n_of_ceiling regions whose ceiling is reliably above chance.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi_group varchar in roi.roi_group = null: regions of this group only
-- $roi varchar in roi.roi = null: this region only
-- Example: alignhouse ask leaderboard --roi-group early
with

ceilings as (
    select
        protocol,
        dataset,
        split,
        roi,
        upper
    from region_ceiling
    where is_reliable
),

placed as (
    select *
    from network_place
    where
        protocol = $protocol
        and ($roi_group is null or roi_group = $roi_group)
        and ($roi is null or roi = $roi)
),

final as (
    select
        placed.protocol,
        placed.dataset,
        placed.split,
        placed.model,
        placed.model_type,
        placed.arch_type,
        placed.family,
        placed.training_dataset,
        placed.objective,
        placed.weights,
        count(*) as n_regions,
        avg(placed.rho) as mean_rho,
        avg(placed.place) as mean_place,
        avg(placed.rho / ceilings.upper) as of_ceiling,
        count(ceilings.upper) as n_of_ceiling,
        arg_max(placed.roi, placed.rho) as best_roi,
        max(placed.rho) as best_rho,
        count(*) filter (where placed.p_value < 0.05) as n_significant,
        any_value(placed.remark) as remark
    from placed
    left join ceilings
        on
            placed.protocol = ceilings.protocol
            and placed.dataset = ceilings.dataset
            and placed.split = ceilings.split
            and placed.roi = ceilings.roi
    group by all
)

select *
from final
order by dataset asc, split asc, mean_rho desc, model asc
