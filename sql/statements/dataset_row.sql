-- One row: the data set of that name.
select
    kind,
    version,
    is_synthetic,
    remark
from dataset
where dataset = $dataset
