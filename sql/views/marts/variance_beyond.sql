-- One row: the variance of one region's voxels that a network explains beyond all control models (`beyond` is
-- "controls"), or beyond another network. Two networks have a row each way.
with

pairs as (
    select
        protocol,
        dataset,
        split,
        roi,
        model,
        layer,
        other_model,
        other_layer,
        r2_network,
        r2_other,
        r2_both,
        unique_network,
        unique_network_lower,
        unique_network_upper,
        unique_other,
        unique_other_lower,
        unique_other_upper,
        shared,
        shared_lower,
        shared_upper,
        is_normalised,
        n_subjects,
        n_voxels,
        level,
        resampled,
        remark
    from network_partition
),

both_ways as (
    select * from pairs
    union all by name
    select
        * replace (
            other_model as model,
            other_layer as layer,
            model as other_model,
            layer as other_layer,
            r2_other as r2_network,
            r2_network as r2_other,
            unique_other as unique_network,
            unique_other_lower as unique_network_lower,
            unique_other_upper as unique_network_upper,
            unique_network as unique_other,
            unique_network_lower as unique_other_lower,
            unique_network_upper as unique_other_upper
        )
    from pairs
),

final as (
    select
        * rename (other_model as beyond),
        '' as reason
    from both_ways
    union all by name
    select
        protocol,
        dataset,
        split,
        roi,
        model,
        layer,
        'controls' as beyond,
        r2_network,
        r2_controls,
        r2_both,
        unique_network,
        unique_network_lower,
        unique_network_upper,
        unique_controls,
        unique_controls_lower,
        unique_controls_upper,
        shared,
        is_normalised,
        n_subjects,
        n_voxels,
        controls,
        level,
        resampled,
        reason,
        remark
    from variance_partition
)

select * from final
