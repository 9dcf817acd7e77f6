-- One row: a layer with a depth outside 0 to 1, or whose index or depth does not follow the previous layer.
-- The layers of a network all have a depth, or none has one.
with

placed as (
    select
        protocol,
        model,
        layer,
        layer_index,
        depth,
        lag(depth) over of_model as depth_before,
        first_value(depth) over of_model as first_depth,
        row_number() over of_model - 1 as place
    from layer
    window of_model as (partition by protocol, model order by layer_index, layer)
)

select
    protocol,
    model,
    layer,
    layer_index,
    depth
from placed
where
    depth not between 0 and 1
    or layer_index <> place
    or depth <= depth_before
    or (depth is null) <> (first_depth is null)
