-- How much better does a network align with each region once it is trained?
-- One row: a network in one region that was scored with pretrained and random weights: the best layer of
-- each self, the difference rho_trained - rho_untrained and its interval. The interval is NULL unless the
-- last study under the protocol had both selves, bootstraps and compare_networks. Differences of two networks
-- have no p; p_trained and p_untrained test each self against chance.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $roi varchar in roi.roi = null: this region only
-- $network varchar in model.network = null: this network only
-- $resampled varchar = 'stimuli': what the interval generalises over: stimuli, subjects or both
-- $method varchar = null: the interval's method; by default dual for both, otherwise that of percentiles
-- Example: alignhouse ask training_effect --roi V1
with

best as (
    select
        best_layer.*,
        model.network
    from best_layer
    inner join model on best_layer.model = model.model
    where
        best_layer.protocol = $protocol
        and ($roi is null or best_layer.roi = $roi)
        and ($network is null or model.network = $network)
),

trained as (
    select * from best
    where weights = 'pretrained'
),

untrained as (
    select * from best
    where weights = 'random'
),

stored as (
    select * from difference_interval
    where
        group_by = 'model'
        and resampled = $resampled
        and ($method is null or method = $method)
    qualify row_number() over (
        partition by protocol, dataset, split, roi, group_a, group_b
        order by list_position(['dual', 'expanded_percentile', 'percentile'], method)
    ) = 1
),

-- each pair is stored once, in one direction
intervals as (
    select
        protocol,
        dataset,
        split,
        roi,
        unnest([group_a, group_b]) as trained,
        unnest([group_b, group_a]) as untrained,
        unnest([lower, -upper]) as lower,
        unnest([upper, -lower]) as upper,
        level,
        method
    from stored
),

final as (
    select
        trained.protocol,
        trained.dataset,
        trained.split,
        trained.roi_group,
        trained.roi,
        trained.network,
        untrained.model as untrained,
        trained.layer as layer_trained,
        untrained.layer as layer_untrained,
        trained.rho as rho_trained,
        untrained.rho as rho_untrained,
        trained.rho - untrained.rho as difference,
        intervals.lower,
        intervals.upper,
        intervals.level,
        intervals.method,
        trained.p_value as p_trained,
        untrained.p_value as p_untrained,
        -- that one self is untrained is not worth a remark here
        trained.remark,
        trained.roi_order
    from trained
    inner join untrained
        on
            trained.protocol = untrained.protocol
            and trained.dataset = untrained.dataset
            and trained.split = untrained.split
            and trained.roi = untrained.roi
            and trained.network = untrained.network
    left join intervals
        on
            trained.protocol = intervals.protocol
            and trained.dataset = intervals.dataset
            and trained.split = intervals.split
            and trained.roi = intervals.roi
            and trained.model = intervals.trained
            and untrained.model = intervals.untrained
)

select * exclude (roi_order)
from final
order by dataset, split, roi_order, network, untrained
