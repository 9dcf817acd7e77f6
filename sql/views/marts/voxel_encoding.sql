-- One row: how well a network predicts the voxels of one region, by its best layer, beside its RSA.
-- score is what tests and intervals are of: r_normalised if is_normalised, else r. r is the same without
-- division by noise ceilings, over the same voxels and subjects; NULL if it was divided and folds chose
-- several layers. n_voxels and n_left_out count voxels of all subjects of the score. rsa_layer and rho are of
-- the layer that aligns best under the protocol with the same features.
with

encodings as (
    select * from encoding_best
),

layer_scores as (
    select * from encoding_score
),

regions as (
    select * from roi
),

models as (
    select * from model
),

layers as (
    select * from layer
),

alignments as (
    select * from best_layer
),

over_subjects as (
    select
        encodings.protocol,
        encodings.dataset,
        encodings.split,
        encodings.model,
        encodings.roi,
        avg(layer_scores.r) as r,
        cast(sum(layer_scores.n_voxels) as bigint) as n_voxels,
        cast(sum(layer_scores.n_left_out) as bigint) as n_left_out
    from encodings
    inner join layer_scores
        on
            encodings.protocol = layer_scores.protocol
            and encodings.dataset = layer_scores.dataset
            and encodings.split = layer_scores.split
            and encodings.model = layer_scores.model
            and encodings.roi = layer_scores.roi
            and encodings.layer = layer_scores.layer
            -- subjects without a voxel that has signal have no normalised score
            and (not encodings.is_normalised or layer_scores.r_normalised is not null)
    group by all
),

final as (
    select
        encodings.protocol,
        encodings.dataset,
        encodings.split,
        encodings.model,
        models.model_type,
        models.arch_type,
        models.family,
        models.training_dataset,
        -- NULL in rows of an older version
        coalesce(models.objective, 'unknown') as objective,
        models.weights,
        encodings.roi,
        regions.roi_group,
        regions.roi_order,
        encodings.layer,
        layers.depth,
        encodings.votes,
        encodings.chosen_on,
        encodings.r as score,
        case
            when not encodings.is_normalised then encodings.r
            when encodings.votes = 1 then over_subjects.r
        end as r,
        case when encodings.is_normalised then encodings.r end as r_normalised,
        encodings.is_normalised,
        encodings.n_subjects,
        over_subjects.n_voxels,
        over_subjects.n_left_out,
        encodings.r_by_chance,
        encodings.p_value,
        encodings.permutations,
        encodings.lower,
        encodings.upper,
        encodings.level,
        encodings.resampled,
        encodings.method,
        encodings.draws,
        encodings.seed,
        alignments.layer as rsa_layer,
        alignments.rho,
        encodings.remark
    from encodings
    inner join regions
        on
            encodings.dataset = regions.dataset
            and encodings.roi = regions.roi
    inner join models on encodings.model = models.model
    left join layers
        on
            encodings.protocol = layers.protocol
            and encodings.model = layers.model
            and encodings.layer = layers.layer
    left join over_subjects
        on
            encodings.protocol = over_subjects.protocol
            and encodings.dataset = over_subjects.dataset
            and encodings.split = over_subjects.split
            and encodings.model = over_subjects.model
            and encodings.roi = over_subjects.roi
    left join alignments
        on
            regexp_replace(encodings.protocol, '-encoding$', '') = alignments.protocol
            and encodings.dataset = alignments.dataset
            and encodings.split = alignments.split
            and encodings.model = alignments.model
            and encodings.roi = alignments.roi
)

select * from final
