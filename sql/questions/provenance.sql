-- Where does a number come from: which inputs, under which settings, in which run?
-- One row: a step back from the numbers of a network in a region. step 0 computed the numbers, step 1 the
-- inputs of step 0, and so on. used_by is the method that used it, input the name of that input. Files
-- made by no job (videos, weights, betas) have no method, and their hash as identity.
-- $model varchar in model.model: the network
-- $roi varchar in roi.roi = null: numbers of this region only
-- $protocol varchar in protocol.protocol = 'sound': results of this protocol
-- $table varchar = null: numbers of this table only, such as alignment or layer_choice
-- Example: alignhouse ask provenance --model AlexNet-random0 --roi V1
with recursive

numbers as (
    select
        'alignment' as table_name,
        protocol,
        model,
        roi,
        artifact
    from alignment
    union
    select
        'significance' as table_name,
        protocol,
        model,
        roi,
        artifact
    from significance
    union
    select
        'corrected_significance' as table_name,
        protocol,
        model,
        roi,
        artifact
    from corrected_significance
    union
    select
        'score_interval' as table_name,
        protocol,
        model,
        roi,
        artifact
    from score_interval
    union
    select
        'layer_choice' as table_name,
        protocol,
        model,
        roi,
        artifact
    from layer_choice
    union
    select
        'beyond_controls' as table_name,
        protocol,
        model,
        roi,
        artifact
    from beyond_controls
),

asked as (
    select distinct
        table_name,
        artifact
    from numbers
    where
        protocol = $protocol
        and model = $model
        and ($roi is null or roi = $roi)
        and ($table is null or table_name = $table)
),

-- an input is identified by its artifact, by the job that made it, or by the hash of a raw file
inputs as (
    select
        artifact.artifact as used_by,
        entry.key as input,
        entry.value ->> '$' as identity
    from artifact
    cross join json_each(artifact.inputs) as entry
),

lineage as (
    select
        0 as step,
        null::varchar as used_by,
        asked.table_name as input,
        asked.artifact as identity,
        asked.artifact
    from asked
    union
    select
        lineage.step + 1 as step,
        inputs.used_by,
        inputs.input,
        inputs.identity,
        artifact.artifact
    from lineage
    inner join inputs
        on
            lineage.artifact = inputs.used_by
            -- leave out inputs of other regions
            and ($roi is null or inputs.input not like 'brain/%' or inputs.input = 'brain/' || $roi)
    left join artifact
        on
            inputs.identity = artifact.artifact
            or inputs.identity = artifact.job
),

final as (
    select
        lineage.step,
        users.method as used_by,
        lineage.input,
        artifact.method,
        artifact.method_version,
        artifact.path,
        coalesce(artifact.sha256, lineage.identity) as identity,
        artifact.settings,
        run.run,
        run.command,
        run.version as alignhouse,
        artifact.registered_at
    from lineage
    left join artifact on lineage.artifact = artifact.artifact
    left join artifact as users on lineage.used_by = users.artifact
    left join run on artifact.run = run.run
)

select distinct *
from final
order by step, used_by, input, path
