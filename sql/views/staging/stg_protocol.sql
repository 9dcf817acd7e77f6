-- One row: a protocol, with the measure by which its scores compare RDMs and the distance of brain patterns.
-- Protocols with Spearman's rho and 1 - Pearson do not name them in their settings.
select
    protocol,
    settings ->> '$.description' as description,
    coalesce(settings ->> '$.analysis.measure', 'spearman') as measure,
    coalesce(settings ->> '$.analysis.brain_distance', 'correlation') as brain_distance,
    coalesce(settings ->> '$.extraction.distance', 'correlation') as network_distance,
    artifact
from protocol
