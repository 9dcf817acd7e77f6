-- Which networks are alike?
-- One row: two networks. similarity is that of the RDMs of their best layers by the protocol's measure,
-- averaged over n_regions regions; most_alike is that of their two most similar layers, which are named.
-- other_is_untrained says if the other network has random weights.
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $model varchar in model.model = null: this network and all others; by default every two networks
-- $roi varchar in roi.roi = null: best layers in this region only
-- $roi_group varchar in roi.roi_group = null: best layers in regions of this group only
-- Example: alignhouse ask alike --model AlexNet-random0
with

pairs as (
    select * from network_similarity
    where protocol = $protocol
),

-- each pair in both directions
both_ways as (
    select * from pairs
    union all by name
    select
        * replace (
            other_model as model,
            other_layer as layer,
            model as other_model,
            layer as other_layer
        )
    from pairs
    where $model is not null
),

wanted as (
    select
        both_ways.*,
        roi.roi_group
    from both_ways
    left join roi
        on
            both_ways.dataset = roi.dataset
            and both_ways.roi = roi.roi
    where $model is null or both_ways.model = $model
),

of_regions as (
    select
        protocol,
        dataset,
        split,
        model,
        other_model,
        avg(similarity) as similarity,
        count(*) as n_regions,
        any_value(remark) as remark
    from wanted
    where
        roi is not null
        and ($roi is null or roi = $roi)
        and ($roi_group is null or roi_group = $roi_group)
    group by all
),

final as (
    select
        of_regions.protocol,
        of_regions.dataset,
        of_regions.split,
        of_regions.model,
        of_regions.other_model,
        of_regions.similarity,
        of_regions.n_regions,
        wanted.similarity as most_alike,
        wanted.layer,
        wanted.other_layer,
        others.weights = 'random' as other_is_untrained,
        of_regions.remark
    from of_regions
    left join wanted
        on
            of_regions.dataset = wanted.dataset
            and of_regions.split = wanted.split
            and of_regions.model = wanted.model
            and of_regions.other_model = wanted.other_model
            and wanted.roi is null
    left join model as others
        on of_regions.other_model = others.model
)

select *
from final
order by dataset asc, split asc, similarity desc, model asc, other_model asc
