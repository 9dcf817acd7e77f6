-- Where does one network align better than another, and how certain is the difference?
-- One row: a region, with the best layer of each network, the difference a - b and its interval. The interval
-- is NULL if the study has no bootstraps of differences between networks.
-- $a varchar in model.model: the first network
-- $b varchar in model.model: the second network
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $resampled varchar = 'stimuli': what the interval generalises over: stimuli, subjects or both
-- $method varchar = null: expanded_percentile, percentile, bias_corrected, or dual; by default dual for both
-- Example: alignhouse ask network_versus_network --a AlexNet-random0 --b ResNet34-random0
with

ones as (
    select * from best_layer
    where
        protocol = $protocol
        and model = $a
),

others as (
    select * from best_layer
    where
        protocol = $protocol
        and model = $b
),

-- each pair is stored once, in one direction
intervals as (
    select
        protocol,
        dataset,
        split,
        roi,
        level,
        case when group_a = $a then lower else -upper end as lower,
        case when group_a = $a then upper else -lower end as upper
    from difference_interval
    where
        group_by = 'model'
        and resampled = $resampled
        and method = coalesce($method, if($resampled = 'both', 'dual', 'expanded_percentile'))
        and (
            (group_a = $a and group_b = $b)
            or (group_a = $b and group_b = $a)
        )
),

final as (
    select
        ones.protocol,
        ones.dataset,
        ones.split,
        ones.roi_group,
        ones.roi,
        ones.model as model_a,
        ones.layer as layer_a,
        ones.rho as rho_a,
        others.model as model_b,
        others.layer as layer_b,
        others.rho as rho_b,
        ones.rho - others.rho as difference,
        intervals.lower,
        intervals.upper,
        intervals.level,
        case
            when ones.remark = others.remark then ones.remark
            else ones.remark || ' / ' || others.remark
        end as remark,
        ones.roi_order
    from ones
    inner join others
        on
            ones.dataset = others.dataset
            and ones.split = others.split
            and ones.roi = others.roi
    left join intervals
        on
            ones.protocol = intervals.protocol
            and ones.dataset = intervals.dataset
            and ones.split = intervals.split
            and ones.roi = intervals.roi
)

select * exclude (roi_order)
from final
order by dataset, split, roi_order
