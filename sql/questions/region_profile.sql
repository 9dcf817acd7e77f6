-- In which order do networks align with the regions, and which networks share that order?
-- One row: a network, with its regions from the best aligned to the least. agreement is Spearman's
-- correlation of its alignment over regions with that of --model, or with the mean of all networks.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $model varchar in model.model = null: compare with this network; by default, with the mean of all
-- $roi_group varchar in roi.roi_group = null: regions of this group only
-- Example: alignhouse ask region_profile --model AlexNet-random0
with

best as (
    select * from best_layer
    where
        protocol = $protocol
        and ($roi_group is null or roi_group = $roi_group)
),

reference as (
    select
        protocol,
        dataset,
        split,
        roi,
        avg(rho) as rho
    from best
    where $model is null or model = $model
    group by all
),

-- ranks with ties averaged, as Spearman's correlation requires
placed as (
    select
        best.*,
        rank() over own + (count(*) over own_ties - 1) / 2 as own_place,
        rank() over theirs + (count(*) over their_ties - 1) / 2 as their_place
    from best
    inner join reference
        on
            best.protocol = reference.protocol
            and best.dataset = reference.dataset
            and best.split = reference.split
            and best.roi = reference.roi
    window
        own as (partition by best.dataset, best.split, best.model order by best.rho desc),
        own_ties as (partition by best.dataset, best.split, best.model, best.rho),
        theirs as (partition by best.dataset, best.split, best.model order by reference.rho desc),
        their_ties as (partition by best.dataset, best.split, best.model, reference.rho)
),

final as (
    select
        protocol,
        dataset,
        split,
        model,
        model_type,
        arch_type,
        weights,
        count(*) as n_regions,
        -- fewer than three regions have no meaningful order
        case when count(*) > 2 then corr(own_place, their_place) end as agreement,
        string_agg(roi, ' > ' order by own_place asc, roi_order asc) as regions,
        any_value(remark) as remark
    from placed
    group by all
)

select *
from final
order by dataset asc, split asc, agreement desc nulls last, model asc
