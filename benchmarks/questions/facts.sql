create or replace temporary table score as
select
    model.model,
    roi.roi,
    roi.roi_order,
    layer.layer,
    layer.layer_index,
    0.3 * sin(roi.roi_order + 3 * layer.depth) + hash(model.model, roi.roi, layer.layer) % 1000 / 3000 as score
from model
cross join roi
inner join layer on model.model = layer.model
where model.parameters / 1e6 - 1 between $first and $last;

insert into alignment
select
    'sound' as protocol,
    'generated' as dataset,
    'test' as split,
    score.model,
    score.layer,
    score.roi,
    subject.subject,
    score.score + hash(score.model, score.roi, score.layer, subject.subject) % 1000 / 5000 - 0.1 as rho,
    'generated numbers' as remark,
    score.model as artifact
from score
cross join subject
order by score.model, score.roi_order, score.layer_index, subject.subject_order;

insert into significance
select
    'sound' as protocol,
    'generated' as dataset,
    'test' as split,
    score.model,
    score.layer,
    score.roi,
    tests.test,
    score.score as statistic,
    (1 + hash(score.model, score.roi) % 1000) / 1001 as p_value,
    1000 as permutations,
    0 as seed,
    'generated numbers' as remark,
    score.model as artifact
from score
inner join (values ('layer'), ('best_layer')) as tests (test)
    on
        tests.test = 'layer'
        or score.score = (
            select max(others.score)
            from score as others
            where
                others.model = score.model
                and others.roi = score.roi
        )
order by score.model, score.roi_order, score.layer_index;
