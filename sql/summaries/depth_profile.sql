-- One row: the alignment of a network with one region at one relative depth of the grid 0, 0.1, ..., 1,
-- interpolated linearly between the two layers around it.
with

scores as (
    select * from layer_score
),

models as (
    select * from model
),

grid as (
    select unnest(range(11)) / 10.0 as depth
),

segments as (
    select
        protocol,
        dataset,
        split,
        model,
        roi,
        roi_group,
        roi_order,
        remark,
        depth as depth_from,
        rho as rho_from,
        lead(depth) over curve as depth_to,
        lead(rho) over curve as rho_to,
        row_number() over curve as place
    from scores
    window curve as (
        partition by protocol, dataset, split, model, roi
        order by layer_index
    )
),

-- a network with a single layer has a point, not a curve
final as (
    select
        segments.protocol,
        segments.dataset,
        segments.split,
        segments.model,
        models.model_type,
        models.arch_type,
        models.family,
        models.training_dataset,
        -- NULL in rows of an older version
        coalesce(models.objective, 'unknown') as objective,
        models.weights,
        segments.roi,
        segments.roi_group,
        segments.roi_order,
        grid.depth,
        segments.rho_from
        + (segments.rho_to - segments.rho_from)
        * (grid.depth - segments.depth_from)
        / (segments.depth_to - segments.depth_from) as rho,
        segments.remark
    from segments
    inner join grid
        on
            segments.depth_to >= grid.depth
            and (
                segments.depth_from < grid.depth
                or (segments.place = 1 and segments.depth_from = grid.depth)
            )
    inner join models on segments.model = models.model
)

select * from final
