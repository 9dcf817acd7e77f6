-- One row: a file of RDMs of a region (kind brain) or a network (kind model), and the scope whose scores come
-- from it. protocol is null for a region on which no network has been scored.
with

scored as (
    select
        settings ->> '$.protocol' as protocol,
        settings ->> '$.dataset' as dataset,
        settings ->> '$.split' as split,
        settings ->> '$.model' as model,
        is_current,
        registered_at,
        inputs
    from artifact
    where table_name = 'alignment'
),

inputs as (
    select
        scored.protocol,
        scored.dataset,
        scored.split,
        scored.is_current,
        scored.registered_at,
        case when entry.key = 'model' then 'model' else 'brain' end as kind,
        case when entry.key = 'model' then scored.model else entry.key[7:] end as name,
        entry.value ->> '$' as artifact
    from scored
    cross join json_each(scored.inputs) as entry
),

-- scores that were replaced refer to older files
of_scores as (
    select
        kind,
        name,
        protocol,
        dataset,
        split,
        artifact
    from inputs
    qualify row_number() over (
        partition by kind, name, protocol, dataset, split
        order by is_current desc, registered_at desc, artifact desc
    ) = 1
),

stored as (
    select
        'brain' as kind,
        settings ->> '$.roi' as name,
        settings ->> '$.dataset' as dataset,
        settings ->> '$.split' as split,
        artifact
    from artifact
    where
        method in ('brain_rdm', 'rdm_file')
        -- other distances are stored beside 1 - Pearson, which no setting names
        and settings ->> '$.distance' is null
    qualify row_number() over (
        partition by name, dataset, split
        order by registered_at desc, artifact desc
    ) = 1
),

without_scores as (
    select
        stored.kind,
        stored.name,
        null as protocol,
        stored.dataset,
        stored.split,
        stored.artifact
    from stored
    left join of_scores
        on
            stored.kind = of_scores.kind
            and stored.name = of_scores.name
            and stored.dataset = of_scores.dataset
            and stored.split = of_scores.split
    where of_scores.artifact is null
),

final as (
    select * from of_scores
    union all
    select * from without_scores
)

select
    kind,
    name,
    protocol,
    dataset,
    split,
    artifact
from final
-- the default protocol first
order by kind, name, dataset, split, protocol <> 'sound', protocol
