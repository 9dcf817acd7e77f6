-- How far do the rankings of networks, groups and regions agree between measures?
-- One row: two protocols whose scores are by different measures. compared says what is ranked: networks in a
-- region (agreement is Spearman's rho of their best-layer scores), groups of networks in a region (the share
-- of pairs of groups in the same order), or regions (Spearman's rho, each by its mean over networks). lower
-- and upper are percentiles over resamples; resampling adds noise, so they tend to lie low. same_layer is the
-- share of networks with the same best layer in the region.
-- $protocol varchar in protocol.protocol = null: pairs with this protocol only
-- $dataset varchar in dataset.dataset = null: this data set only
-- $compared varchar = null: networks, groups or regions only
-- $roi varchar in roi.roi = null: this region only
-- Example: alignhouse ask measure_agreement --compared networks
with

agreements as (
    select
        *,
        case
            when coalesce($compared, 'networks') in ('networks', 'groups', 'regions') then true
            else error('--compared is networks, groups or regions')
        end as is_known
    from measure_agreement
),

layers as (
    select
        one.protocol,
        other.protocol as other_protocol,
        one.dataset,
        one.split,
        one.roi,
        avg((one.layer = other.layer)::integer) as same_layer
    from best_layer as one
    inner join best_layer as other
        on
            one.dataset = other.dataset
            and one.split = other.split
            and one.model = other.model
            and one.roi = other.roi
    group by all
),

final as (
    select
        agreements.protocol,
        agreements.other_protocol,
        stg_protocol.measure,
        other_protocols.measure as other_measure,
        agreements.dataset,
        agreements.split,
        agreements.compared,
        agreements.roi,
        agreements.group_by,
        agreements.n,
        agreements.statistic as agreement,
        agreements.lower,
        agreements.upper,
        agreements.level,
        case when agreements.compared = 'networks' then layers.same_layer end as same_layer,
        agreements.remark
    from agreements
    inner join stg_protocol
        on agreements.protocol = stg_protocol.protocol
    inner join stg_protocol as other_protocols
        on agreements.other_protocol = other_protocols.protocol
    left join layers
        on
            agreements.protocol = layers.protocol
            and agreements.other_protocol = layers.other_protocol
            and agreements.dataset = layers.dataset
            and agreements.split = layers.split
            and agreements.roi = layers.roi
    where
        agreements.is_known
        and ($protocol is null or $protocol in (agreements.protocol, agreements.other_protocol))
        and ($dataset is null or agreements.dataset = $dataset)
        and ($compared is null or agreements.compared = $compared)
        and ($roi is null or agreements.roi = $roi)
)

select final.*
from final
left join roi
    on
        final.dataset = roi.dataset
        and final.roi = roi.roi
order by
    final.dataset asc,
    final.split asc,
    final.protocol asc,
    final.other_protocol asc,
    final.compared <> 'networks' asc,
    final.compared asc,
    roi.roi_order asc nulls last,
    final.group_by asc
