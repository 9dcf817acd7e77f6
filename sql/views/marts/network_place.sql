-- One row: the best layer of a network in one region, with the network's rank among all networks there.
-- place is the rank: 1 for the highest rho; ties share their mean rank.
with

best as (
    select * from best_layer
),

final as (
    select
        *,
        rank()
            over (
                partition by protocol, dataset, split, roi
                order by rho desc
            )
        + (count(*) over (partition by protocol, dataset, split, roi, rho) - 1) / 2.0 as place
    from best
)

select * from final
