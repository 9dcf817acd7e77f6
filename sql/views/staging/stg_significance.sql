-- One row: a test of one layer in one region. The two kinds of test are side by side:
-- `p_layer` applies to a layer that was named beforehand, `p_best` to the best of the network's layers.
select
    protocol,
    dataset,
    split,
    model,
    layer,
    roi,
    max(p_value) filter (where test = 'layer') as p_layer,
    max(p_value) filter (where test = 'best_layer') as p_best
from significance
group by all
