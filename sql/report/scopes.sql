-- One row: a data set and a split of its stimuli on which networks were scored.
select
    alignments.dataset,
    alignments.split,
    any_value(datasets.remark) as remark
from alignment as alignments
inner join dataset as datasets on alignments.dataset = datasets.dataset
group by alignments.dataset, alignments.split
order by alignments.dataset, alignments.split
