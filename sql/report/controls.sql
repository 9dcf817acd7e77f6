-- One row: the score of a control model in one region, by its best layer.
with

descriptions as (
    select * from control
    where
        dataset = $dataset
        and split = $split
),

regions as (
    select * from roi
    where dataset = $dataset
),

final as (
    select
        scores.protocol,
        scores.dataset,
        scores.split,
        scores.control,
        scores.roi,
        regions.roi_order,
        scores.layer,
        scores.rho,
        scores.sem,
        scores.p_value,
        scores.permutations,
        descriptions.network,
        descriptions.frame_order,
        descriptions.description,
        scores.remark
    from control_score as scores
    inner join descriptions
        on
            scores.dataset = descriptions.dataset
            and scores.split = descriptions.split
            and scores.control = descriptions.control
    left join regions on scores.roi = regions.roi
    qualify row_number() over (
        partition by scores.protocol, scores.control, scores.roi
        order by scores.rho desc, scores.layer_index asc
    ) = 1
)

select *
from final
order by protocol asc, roi_order asc, rho desc, control asc
