-- One row: an alignment that no correlation can have.
select
    protocol,
    dataset,
    model,
    layer,
    roi,
    subject,
    rho
from alignment
where
    isnan(rho)
    or rho not between -1 and 1
