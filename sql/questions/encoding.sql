-- How well do networks predict the responses of voxels?
-- One row: a network in one region. r is the median over voxels of the correlation of predicted and measured
-- responses to stimuli that were not fitted, divided by each voxel's noise ceiling if is_normalised; averaged
-- over subjects. The layer was chosen on the stimuli that were fitted (chosen_on: the train split, or folds;
-- votes is the share of folds that chose it). r_by_chance is the mean r under permutations, below 0 for folds
-- of few stimuli; p_value is one-sided, against these. lower and upper are an interval over what was
-- resampled. best_rho is the alignment of the network's best layer by RSA under the same features.
-- $protocol varchar in protocol.protocol = 'sound-encoding': encodings with the features of this protocol
-- $roi_group varchar in roi.roi_group = null: regions of this group only
-- $roi varchar in roi.roi = null: this region only
-- $model varchar in model.model = null: this network only
-- Example: alignhouse ask encoding --roi V1
with

encodings as (
    select * from encoding_best
    where protocol = $protocol
),

alignments as (
    select * from best_layer
    where protocol = regexp_replace($protocol, '-encoding$', '')
),

final as (
    select
        encodings.protocol,
        encodings.dataset,
        encodings.split,
        encodings.roi,
        roi.roi_group,
        encodings.model,
        model.model_type,
        model.arch_type,
        model.weights,
        encodings.layer,
        layer.depth,
        encodings.votes,
        encodings.chosen_on,
        encodings.r,
        encodings.is_normalised,
        encodings.n_subjects,
        encodings.r_by_chance,
        encodings.p_value,
        encodings.lower,
        encodings.upper,
        encodings.level,
        encodings.resampled,
        alignments.layer as rsa_layer,
        alignments.rho as best_rho,
        encodings.remark,
        roi.roi_order
    from encodings
    inner join roi
        on
            encodings.dataset = roi.dataset
            and encodings.roi = roi.roi
    inner join model
        on encodings.model = model.model
    left join layer
        on
            encodings.protocol = layer.protocol
            and encodings.model = layer.model
            and encodings.layer = layer.layer
    left join alignments
        on
            encodings.dataset = alignments.dataset
            and encodings.split = alignments.split
            and encodings.model = alignments.model
            and encodings.roi = alignments.roi
    where
        ($roi_group is null or roi.roi_group = $roi_group)
        and ($roi is null or encodings.roi = $roi)
        and ($model is null or encodings.model = $model)
)

select * exclude (roi_order)
from final
order by dataset asc, split asc, roi_order asc, roi asc, r desc, model asc
