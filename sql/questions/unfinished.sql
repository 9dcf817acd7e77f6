-- What was started but is not finished?
-- One row: a run that was stopped (or is still running), or missing numbers of a network in a region that has
-- a noise ceiling: its alignment, or the intervals of that alignment.
-- Example: alignhouse ask unfinished
with

runs as (
    select
        'run' as what,
        null as protocol,
        null as dataset,
        null as split,
        null as model,
        null as roi,
        command || ', ' || status || ', begun ' || strftime(started_at, '%Y-%m-%d %H:%M') as remark
    from run
    where
        status <> 'finished'
        -- leave out runs whose command a later run has finished
        and not exists (
            select 1
            from run as later
            where
                later.run > run.run
                and later.status = 'finished'
                and later.command = run.command
        )
),

known as (
    select distinct
        protocol,
        model
    from layer
),

wanted as (
    select
        known.protocol,
        noise_ceiling.dataset,
        noise_ceiling.split,
        known.model,
        noise_ceiling.roi
    from known
    inner join noise_ceiling on known.protocol = noise_ceiling.protocol
),

scored as (
    select distinct
        protocol,
        dataset,
        split,
        model,
        roi
    from best_layer
),

with_intervals as (
    select distinct
        protocol,
        dataset,
        split,
        model,
        roi
    from score_interval
),

unscored as (
    select * from wanted
    except
    select * from scored
),

uncertain as (
    select * from scored
    except
    select * from with_intervals
),

final as (
    select * from runs
    union all
    select
        'alignment' as what,
        *,
        'alignhouse analyse rsa STUDY.toml' as remark
    from unscored
    union all
    select
        'intervals' as what,
        *,
        'alignhouse analyse uncertainty STUDY.toml' as remark
    from uncertain
)

select *
from final
order by what desc, dataset asc, split asc, protocol asc, model asc, roi asc
