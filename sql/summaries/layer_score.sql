-- One row: the alignment of one layer of a network with one region, over the subjects.
with

alignments as (
    select * from alignment
),

layers as (
    select * from layer
),

tests as (
    select * from stg_significance
),

regions as (
    select * from roi
),

scores as (
    select
        protocol,
        dataset,
        split,
        model,
        layer,
        roi,
        avg(rho) as rho,
        -- with one subject the spread is unknown, not zero
        stddev_samp(rho) / sqrt(count(*)) as sem,
        count(*) as n_subjects,
        any_value(remark) as remark
    from alignments
    group by all
),

final as (
    select
        scores.protocol,
        scores.dataset,
        scores.split,
        scores.model,
        scores.layer,
        layers.layer_index,
        layers.depth,
        scores.roi,
        regions.roi_group,
        regions.roi_order,
        scores.rho,
        scores.sem,
        scores.n_subjects,
        tests.p_layer as p_value,
        scores.remark
    from scores
    inner join layers
        on
            scores.protocol = layers.protocol
            and scores.model = layers.model
            and scores.layer = layers.layer
    inner join regions
        on
            scores.dataset = regions.dataset
            and scores.roi = regions.roi
    left join tests
        on
            scores.protocol = tests.protocol
            and scores.dataset = tests.dataset
            and scores.split = tests.split
            and scores.model = tests.model
            and scores.layer = tests.layer
            and scores.roi = tests.roi
)

select * from final
