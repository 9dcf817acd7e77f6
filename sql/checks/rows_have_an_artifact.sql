-- One row: a table with rows whose artifact is not registered, or belongs to another table.
with

named as (
    select
        'alignment' as table_name,
        artifact
    from alignment
    union
    select
        'significance' as table_name,
        artifact
    from significance
    union
    select
        'corrected_significance' as table_name,
        artifact
    from corrected_significance
    union
    select
        'noise_ceiling' as table_name,
        artifact
    from noise_ceiling
    union
    select
        'group_comparison' as table_name,
        artifact
    from group_comparison
    union
    select
        'layer_choice' as table_name,
        artifact
    from layer_choice
    union
    select
        'layer_vote' as table_name,
        artifact
    from layer_vote
    union
    select
        'score_interval' as table_name,
        artifact
    from score_interval
    union
    select
        'difference_interval' as table_name,
        artifact
    from difference_interval
    union
    select
        'complexity' as table_name,
        artifact
    from complexity
    union
    select
        'control' as table_name,
        artifact
    from control
    union
    select
        'control_score' as table_name,
        artifact
    from control_score
    union
    select
        'beyond_controls' as table_name,
        artifact
    from beyond_controls
    union
    select
        'frame_order_difference' as table_name,
        artifact
    from frame_order_difference
    union
    select
        'region_reliability' as table_name,
        artifact
    from region_reliability
    union
    select
        'subject_region' as table_name,
        artifact
    from subject_region
    union
    select
        'subject_stimulus' as table_name,
        artifact
    from subject_stimulus
    union
    select
        'dataset' as table_name,
        artifact
    from dataset
    union
    select
        'subject' as table_name,
        artifact
    from subject
    union
    select
        'roi' as table_name,
        artifact
    from roi
    union
    select
        'roi_part' as table_name,
        artifact
    from roi_part
    union
    select
        'stimulus' as table_name,
        artifact
    from stimulus
    union
    select
        'stimulus_object' as table_name,
        artifact
    from stimulus_object
    union
    select
        'stimulus_scene' as table_name,
        artifact
    from stimulus_scene
    union
    select
        'stimulus_action' as table_name,
        artifact
    from stimulus_action
    union
    select
        'stimulus_sentence' as table_name,
        artifact
    from stimulus_sentence
    union
    select
        'stimulus_memorability' as table_name,
        artifact
    from stimulus_memorability
    union
    select
        'measure_agreement' as table_name,
        artifact
    from measure_agreement
    union
    select
        'network_similarity' as table_name,
        artifact
    from network_similarity
    union
    select
        'encoding_score' as table_name,
        artifact
    from encoding_score
    union
    select
        'encoding_best' as table_name,
        artifact
    from encoding_best
    union
    select
        'variance_partition' as table_name,
        artifact
    from variance_partition
    union
    select
        'network_partition' as table_name,
        artifact
    from network_partition
    union
    select
        'model' as table_name,
        artifact
    from model
    union
    select
        'layer' as table_name,
        artifact
    from layer
    union
    select
        'protocol' as table_name,
        artifact
    from protocol
    union
    select
        'result' as table_name,
        artifact
    from result
)

select
    named.table_name,
    named.artifact
from named
left join artifact as registered on named.artifact = registered.artifact
where
    registered.artifact is null
    or registered.table_name <> named.table_name
