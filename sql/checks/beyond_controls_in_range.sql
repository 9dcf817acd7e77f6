-- One row: a layer with impossible numbers beyond the controls, or without numbers and without a reason.
select
    protocol,
    dataset,
    split,
    model,
    layer,
    roi,
    partial_rho,
    p_value,
    p_family,
    lower,
    upper,
    unique_r,
    unique_p,
    unique_p_family,
    reason
from beyond_controls
where
    partial_rho not between -1 and 1
    or p_value not between 0 and 1
    or p_family not between 0 and 1
    or unique_r not between -1 and 1
    or unique_p not between 0 and 1
    or unique_p_family not between 0 and 1
    or (unique_p is null) != (unique_r is null)
    or lower > upper
    or (reason = '' and (partial_rho is null or r2_both is null))
