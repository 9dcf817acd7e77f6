-- One row: a network that was scored on one data set and split.
with

scored as (
    select distinct model
    from alignment
    where
        dataset = $dataset
        and split = $split
),

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
inner join scored on models.model = scored.model
left join layers on models.model = layers.model
order by models.model_type, models.arch_type, models.model
