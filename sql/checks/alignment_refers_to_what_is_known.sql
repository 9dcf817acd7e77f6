-- One row: a name in alignment that is missing from its own table.
with

names as (
    select distinct
        protocol,
        dataset,
        model,
        layer,
        roi,
        subject
    from alignment
),

final as (
    select
        names.*,
        case
            when models.model is null then 'unknown model'
            when layers.layer is null then 'unknown layer'
            when regions.roi is null then 'unknown region'
            when protocols.protocol is null then 'unknown protocol'
            when subjects.subject is null and names.subject <> 'average' then 'unknown subject'
        end as fault
    from names
    left join model as models on names.model = models.model
    left join layer as layers
        on
            names.protocol = layers.protocol
            and names.model = layers.model
            and names.layer = layers.layer
    left join roi as regions
        on
            names.dataset = regions.dataset
            and names.roi = regions.roi
    left join protocol as protocols on names.protocol = protocols.protocol
    left join subject as subjects
        on
            names.dataset = subjects.dataset
            and names.subject = subjects.subject
)

select *
from final
where fault is not null
