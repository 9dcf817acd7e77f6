-- One row: a network with its weights, and the largest number of layers that any protocol uses.
with

models as (
    select * from model
),

layers as (
    select
        model,
        max(layer_index) + 1 as n_layers
    from layer
    group by model
),

final as (
    select
        models.model,
        models.source,
        models.model_type,
        models.arch_type,
        models.family,
        models.training_dataset,
        -- NULL in rows of an older version
        coalesce(models.objective, 'unknown') as objective,
        models.parameters,
        models.gflops,
        models.top1,
        models.weights,
        models.resolution,
        models.licence,
        layers.n_layers,
        models.remark
    from models
    left join layers on models.model = layers.model
)

select * from final
