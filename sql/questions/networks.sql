-- Which networks are in the warehouse?
-- One row: a network with the weights it was given.
-- Example: alignhouse ask networks --format csv
with

layers as (
    select
        model,
        max(layer_index) + 1 as n_layers
    from layer
    group by model
)

select
    models.model,
    models.source,
    models.model_type,
    models.arch_type,
    models.family,
    models.training_dataset,
    models.parameters,
    models.gflops,
    models.top1,
    models.weights,
    layers.n_layers,
    models.remark
from model as models
left join layers on models.model = layers.model
order by models.model_type, models.arch_type, models.model
