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
select
    protocol,
    dataset,
    split,
    roi,
    roi_group,
    model,
    model_type,
    arch_type,
    weights,
    layer,
    depth,
    votes,
    chosen_on,
    score as r,
    is_normalised,
    n_subjects,
    r_by_chance,
    p_value,
    lower,
    upper,
    level,
    resampled,
    rsa_layer,
    rho as best_rho,
    remark
from voxel_encoding
where
    protocol = $protocol
    and ($roi_group is null or roi_group = $roi_group)
    and ($roi is null or roi = $roi)
    and ($model is null or model = $model)
order by dataset asc, split asc, roi_order asc, roi asc, score desc, model asc
