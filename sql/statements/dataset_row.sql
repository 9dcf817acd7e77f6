-- One row: what is known of a data set.
select
    kind,
    version,
    is_synthetic,
    remark
from dataset
where dataset = $dataset
