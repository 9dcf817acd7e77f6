-- The files of the RDMs behind the scores.
-- One row: a network (kind model) or a region (kind brain), the Parquet file of its RDMs, and its hash.
-- $protocol varchar = 'sound': the protocol of the scores
-- $dataset varchar = null: this data set only
-- $split varchar = null: this split only
-- $rois varchar[] = null: these regions only
-- $models varchar[] = null: these networks only
with

scored as (
    select distinct
        model,
        artifact
    from alignment
    where
        protocol = $protocol
        and ($dataset is null or dataset = $dataset)
        and ($split is null or split = $split)
),

inputs as (
    select
        scored.model,
        entry.key as input,
        entry.value ->> '$' as artifact
    from scored
    inner join artifact as artifacts on scored.artifact = artifacts.artifact
    cross join json_each(artifacts.inputs) as entry
),

named as (
    select distinct
        case when input = 'model' then 'model' else 'brain' end as kind,
        case when input = 'model' then model else input[7:] end as name,
        artifact
    from inputs
),

final as (
    select
        named.kind,
        named.name,
        artifacts.path,
        artifacts.sha256
    from named
    inner join artifact as artifacts on named.artifact = artifacts.artifact
    where
        (named.kind = 'model' and ($models is null or list_contains($models, named.name)))
        or (named.kind = 'brain' and ($rois is null or list_contains($rois, named.name)))
    -- networks that were scored before regions were recomputed refer to older files
    qualify row_number() over (
        partition by named.kind, named.name
        order by artifacts.is_current desc, artifacts.registered_at desc
    ) = 1
)

select *
from final
order by kind, name
