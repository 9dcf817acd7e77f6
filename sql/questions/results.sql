-- Which statistics have users added, and where does each come from?
-- One row: a statistic, in SQL the table results.NAME, with who added it, when and with which version.
-- sha256 is the hash of the Parquet file of its rows; path is its place in the warehouse.
-- Example: alignhouse ask results
with

described as (
    select
        result.result,
        result.description,
        result.author,
        artifacts.job,
        artifacts.run
    from result
    inner join artifact as artifacts on result.artifact = artifacts.artifact
),

final as (
    select
        described.result,
        described.description,
        described.author,
        runs.host,
        stored.registered_at as added_at,
        runs.command,
        runs.version,
        stored.rows,
        stored.sha256,
        stored.path
    from described
    inner join artifact as stored
        on
            described.job = stored.job
            and stored.table_name = 'results.' || described.result
    inner join run as runs on described.run = runs.run
)

select *
from final
order by result
