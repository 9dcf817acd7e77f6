-- One row: an interval whose lower bound is above its upper bound.
with

part_intervals as (
    select
        *,
        'unique_network' as part,
        unique_network_lower as lower,
        unique_network_upper as upper
    from network_partition
    union all
    select
        *,
        'unique_other' as part,
        unique_other_lower as lower,
        unique_other_upper as upper
    from network_partition
    union all
    select
        *,
        'shared' as part,
        shared_lower as lower,
        shared_upper as upper
    from network_partition
),

intervals as (
    select
        'score_interval' as table_name,
        protocol,
        dataset,
        roi,
        model as what,
        resampled,
        method,
        lower,
        upper
    from score_interval
    union all
    select
        'difference_interval' as table_name,
        protocol,
        dataset,
        roi,
        concat_ws(' - ', group_a, group_b) as what,
        resampled,
        method,
        lower,
        upper
    from difference_interval
    union all
    select
        'measure_agreement' as table_name,
        concat_ws(' and ', protocol, other_protocol) as protocol,
        dataset,
        roi,
        compared as what,
        resampled,
        'percentile' as method,
        lower,
        upper
    from measure_agreement
    union all
    select
        'encoding_best' as table_name,
        protocol,
        dataset,
        roi,
        model as what,
        resampled,
        method,
        lower,
        upper
    from encoding_best
    union all
    select
        'variance_partition' as table_name,
        protocol,
        dataset,
        roi,
        concat_ws(' of ', 'unique_network', model) as what,
        resampled,
        method,
        unique_network_lower as lower,
        unique_network_upper as upper
    from variance_partition
    union all
    select
        'variance_partition' as table_name,
        protocol,
        dataset,
        roi,
        concat_ws(' of ', 'unique_controls', model) as what,
        resampled,
        method,
        unique_controls_lower as lower,
        unique_controls_upper as upper
    from variance_partition
    union all
    select
        'network_partition' as table_name,
        protocol,
        dataset,
        roi,
        concat_ws(' of ', part, concat_ws(' and ', model, other_model)) as what,
        resampled,
        method,
        lower,
        upper
    from part_intervals
    union all
    select
        'complexity' as table_name,
        protocol,
        dataset,
        roi,
        figure as what,
        'networks' as resampled,
        method,
        lower,
        upper
    from complexity
    union all
    select
        'noise_ceiling' as table_name,
        protocol,
        dataset,
        roi,
        'lower bound' as what,
        'subjects' as resampled,
        'jackknife' as method,
        interval_lower as lower,
        interval_upper as upper
    from noise_ceiling
)

select *
from intervals
where
    lower > upper
    or isnan(lower)
    or isnan(upper)
