-- The protocols, data sets and splits that can be drawn.
-- One row: a protocol, a data set and a split of its stimuli on which networks were scored. measure: how
-- similar the protocol's scores say that two RDMs are.
select
    alignments.protocol,
    alignments.dataset,
    alignments.split,
    count(distinct alignments.model) as n_networks,
    count(distinct alignments.subject) as n_subjects,
    arg_min(alignments.remark, length(alignments.remark)) as remark,
    coalesce(any_value(stg_protocol.measure), 'spearman') as measure
from alignment as alignments
left join stg_protocol
    on alignments.protocol = stg_protocol.protocol
group by alignments.protocol, alignments.dataset, alignments.split
-- the default first
order by alignments.protocol <> 'sound', alignments.protocol, alignments.dataset, alignments.split
