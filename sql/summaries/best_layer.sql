-- One row: the layer of a network that aligns best with one region, chosen on the data it is reported on.
-- `p_value` is the p of the best layer by the protocol's rule.
with

scores as (
    select * from layer_score
),

models as (
    select * from model
),

tests as (
    select * from stg_significance
),

ranked as (
    select
        *,
        row_number() over (
            partition by protocol, dataset, split, model, roi
            order by rho desc, layer_index asc
        ) as place
    from scores
),

final as (
    select
        ranked.protocol,
        ranked.dataset,
        ranked.split,
        ranked.model,
        models.model_type,
        models.arch_type,
        models.family,
        models.training_dataset,
        -- NULL in rows of an older version
        coalesce(models.objective, 'unknown') as objective,
        models.weights,
        ranked.roi,
        ranked.roi_group,
        ranked.roi_order,
        ranked.layer,
        ranked.layer_index,
        ranked.depth,
        ranked.rho,
        ranked.sem,
        ranked.n_subjects,
        tests.p_best as p_value,
        ranked.remark
    from ranked
    inner join models on ranked.model = models.model
    left join tests
        on
            ranked.protocol = tests.protocol
            and ranked.dataset = tests.dataset
            and ranked.split = tests.split
            and ranked.model = tests.model
            and ranked.layer = tests.layer
            and ranked.roi = tests.roi
    where ranked.place = 1
)

select * from final
