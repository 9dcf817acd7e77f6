-- One row: alignment with synthetic brains, or of an untrained network, whose remark does not say so.
with

told as (
    select distinct
        alignment.dataset,
        alignment.model,
        alignment.remark,
        dataset.is_synthetic,
        model.weights
    from alignment
    left join dataset on alignment.dataset = dataset.dataset
    left join model on alignment.model = model.model
)

select *
from told
where
    (is_synthetic and remark = '')
    or (weights like 'random%' and remark not like '%random%')
