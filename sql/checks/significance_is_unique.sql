-- One row: a test that occurs more than once in significance. A network has one best layer in a region.
with

tests as (
    select
        protocol,
        dataset,
        split,
        model,
        roi,
        test,
        case when test = 'layer' then layer end as layer
    from significance
)

select
    protocol,
    dataset,
    split,
    model,
    layer,
    roi,
    test,
    count(*) as times
from tests
group by all
having count(*) > 1
