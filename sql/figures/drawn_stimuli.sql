-- What is known of the stimuli of a data set.
-- One row: a stimulus, the sha256 of its file, and the object, scene and action that annotators named most
-- often; null if nothing is known. Of labels that were named equally often, the one that was named first.
-- $dataset varchar = null: this data set only
with

files as (
    select
        stimulus,
        arg_min(sha256, split) as sha256
    from stimulus
    where $dataset is null or dataset = $dataset
    group by stimulus
),

named as (
    select
        'object' as kind,
        stimulus,
        object as label,
        label_order
    from stimulus_object
    where $dataset is null or dataset = $dataset
    union all
    select
        'scene' as kind,
        stimulus,
        scene as label,
        label_order
    from stimulus_scene
    where $dataset is null or dataset = $dataset
    union all
    select
        'action' as kind,
        stimulus,
        action as label,
        label_order
    from stimulus_action
    where $dataset is null or dataset = $dataset
),

counted as (
    select
        kind,
        stimulus,
        label,
        count(*) as times,
        min(label_order) as first_place
    from named
    group by kind, stimulus, label
),

chosen as (
    select
        kind,
        stimulus,
        label
    from counted
    qualify row_number() over (
        partition by kind, stimulus
        order by times desc, first_place asc, label asc
    ) = 1
),

labels as (
    select
        stimulus,
        max(label) filter (where kind = 'object') as object,
        max(label) filter (where kind = 'scene') as scene,
        max(label) filter (where kind = 'action') as action
    from chosen
    group by stimulus
),

final as (
    select
        coalesce(files.stimulus, labels.stimulus) as stimulus,
        files.sha256,
        labels.object,
        labels.scene,
        labels.action
    from files
    full outer join labels on files.stimulus = labels.stimulus
)

select *
from final
order by stimulus
