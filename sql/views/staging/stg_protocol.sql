-- One row: a protocol, with the measure by which its scores compare RDMs and the distances of patterns; the
-- measure of a voxel encoding is "encoding". Protocols with Spearman's rho and 1 - Pearson do not name them.
select
    protocol,
    settings ->> '$.description' as description,
    case
        when json_exists(settings, '$.encoding') then 'encoding'
        else coalesce(settings ->> '$.analysis.measure', 'spearman')
    end as measure,
    coalesce(settings ->> '$.analysis.brain_distance', 'correlation') as brain_distance,
    coalesce(settings ->> '$.extraction.distance', 'correlation') as network_distance,
    artifact
from protocol
