insert into dataset values ('generated', 'rdms', null, true, 'generated numbers', 'generated');

insert into protocol values ('sound', '{}', 'generated');

insert into subject
select
    'generated' as dataset,
    'sub-' || number as subject,
    number as subject_order,
    'generated' as artifact
from range($subjects) as subjects (number);

insert into roi
select
    'generated' as dataset,
    'R' || number as roi,
    ['early', 'ventral-occipital', 'dorsal', 'lateral'][1 + number % 4] as roi_group,
    number as roi_order,
    'generated' as artifact
from range($regions) as regions (number);

insert into noise_ceiling
select
    'sound' as protocol,
    'generated' as dataset,
    'test' as split,
    roi,
    0.6 as lower,
    0.8 as upper,
    $subjects as n_subjects,
    'generated numbers' as remark,
    'generated' as artifact
from roi;

insert into model
select
    'network-' || number as model,
    'network-' || number as network,
    'timm' as source,
    null as source_id,
    ['image, object', 'image, action', 'video, action'][1 + number % 3] as model_type,
    ['CNNs', 'Transformers'][1 + number % 2] as arch_type,
    'family-' || number % 20 as family,
    'data-' || number % 5 as training_dataset,
    'objective-' || number % 3 as objective,
    1e6 * (1 + number) as parameters,
    1.0 + number as gflops,
    50 + number % 40 as top1,
    'random' as weights,
    'generated numbers' as remark,
    'generated' as artifact
from range($networks) as networks (number);

insert into layer
select
    'sound' as protocol,
    model.model,
    'layer-' || number as layer,
    number as layer_index,
    number / greatest($layers - 1, 1) as depth,
    1000 as width,
    'generated' as artifact
from model
cross join range($layers) as layers (number);
