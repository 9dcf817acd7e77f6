-- One row: a name that occurs more than once in its own table.
with

keys as (
    select
        'dataset' as table_name,
        dataset as key
    from dataset
    union all
    select
        'model' as table_name,
        model as key
    from model
    union all
    select
        'protocol' as table_name,
        protocol as key
    from protocol
    union all
    select
        'result' as table_name,
        result as key
    from result
    union all
    select
        'roi' as table_name,
        dataset || ', ' || roi as key
    from roi
    union all
    select
        'subject' as table_name,
        dataset || ', ' || subject as key
    from subject
    union all
    select
        'stimulus' as table_name,
        dataset || ', ' || stimulus as key
    from stimulus
    union all
    select
        'layer' as table_name,
        protocol || ', ' || model || ', ' || layer as key
    from layer
)

select
    table_name,
    key,
    count(*) as times
from keys
group by table_name, key
having count(*) > 1
