-- Every annotation of the stimuli of a data set that controls compare: a label, a sentence or a score.
select
    'objects' as kind,
    stimulus,
    object as text,
    null as score,
    artifact
from stimulus_object
where dataset = $dataset
union all
select
    'scenes' as kind,
    stimulus,
    scene as text,
    null as score,
    artifact
from stimulus_scene
where dataset = $dataset
union all
select
    'actions' as kind,
    stimulus,
    action as text,
    null as score,
    artifact
from stimulus_action
where dataset = $dataset
union all
select
    'memorability' as kind,
    stimulus,
    null as text,
    memorability as score,
    artifact
from stimulus_memorability
where
    dataset = $dataset
    and memorability is not null
union all
select
    'sentences' as kind,
    stimulus,
    sentence as text,
    null as score,
    artifact
from stimulus_sentence
where
    dataset = $dataset
    and source = $source
order by kind, stimulus, text
