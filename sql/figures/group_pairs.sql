-- Comparisons of groups of networks.
-- One row: a pair of groups in one region. No rows if only some networks are drawn, because the tests used
-- all of them.
-- $protocol varchar = 'sound': results of this protocol
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $by varchar = 'model_type': what networks are grouped by
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: the networks that are drawn, if not all
select
    protocol,
    dataset,
    split,
    roi,
    group_by,
    group_a,
    group_b,
    n_a,
    n_b,
    statistic,
    p_value,
    p_adjusted,
    correction,
    remark
from group_comparison
where
    group_b is not null
    and $models is null
    and group_by = $by
    and protocol = $protocol
    and ($dataset is null or dataset = $dataset)
    and ($split is null or split = $split)
    and ($rois is null or list_contains($rois, roi))
order by roi, group_a, group_b
