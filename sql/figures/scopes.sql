-- The protocols, data sets and splits that can be drawn.
-- One row: a protocol, a data set and a split of its stimuli on which networks were scored.
select
    alignments.protocol,
    alignments.dataset,
    alignments.split,
    count(distinct alignments.model) as n_networks,
    count(distinct alignments.subject) as n_subjects,
    arg_min(alignments.remark, length(alignments.remark)) as remark
from alignment as alignments
group by alignments.protocol, alignments.dataset, alignments.split
-- the default first
order by alignments.protocol <> 'sound', alignments.protocol, alignments.dataset, alignments.split
