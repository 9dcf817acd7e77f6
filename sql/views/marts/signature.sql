-- One row: the signature of a network in one region and subject: how much better or worse its best layer
-- aligns there than those of all networks do on average. The level that all networks share in a region and
-- subject, such as a high noise ceiling, is taken out. Best layers are those of the mean over subjects.
with

best as (
    select * from best_layer
),

alignments as (
    select * from alignment
),

own as (
    select
        best.protocol,
        best.dataset,
        best.split,
        best.model,
        best.model_type,
        best.arch_type,
        best.family,
        best.training_dataset,
        best.objective,
        best.weights,
        best.roi,
        best.roi_group,
        best.roi_order,
        best.remark,
        alignments.subject,
        alignments.rho
    from best
    inner join alignments
        on
            best.protocol = alignments.protocol
            and best.dataset = alignments.dataset
            and best.split = alignments.split
            and best.model = alignments.model
            and best.layer = alignments.layer
            and best.roi = alignments.roi
),

final as (
    select
        *,
        rho - avg(rho) over (partition by protocol, dataset, split, roi, subject) as deviation,
        count(*) over (partition by protocol, dataset, split, roi, subject) as n_models
    from own
)

select * from final
