-- One row: what is in the warehouse, each as a list of texts, or as a number.
with

people as (
    select
        dataset,
        count(distinct subject) as subjects
    from subject
    group by dataset
),

places as (
    select
        dataset,
        count(distinct roi) as regions
    from roi
    group by dataset
),

shown as (
    select
        dataset,
        count(*) as stimuli
    from stimulus
    group by dataset
),

datasets as (
    select
        dataset.dataset,
        concat(
            dataset.dataset,
            ': ',
            coalesce(people.subjects, 0),
            ' subjects, ',
            coalesce(places.regions, 0),
            ' regions, ',
            coalesce(shown.stimuli, 0),
            ' stimuli',
            case when dataset.remark = '' then '' else concat(' (', dataset.remark, ')') end
        ) as text
    from dataset
    left join people on dataset.dataset = people.dataset
    left join places on dataset.dataset = places.dataset
    left join shown on dataset.dataset = shown.dataset
),

regions as (
    select
        roi,
        min(roi_order) as place
    from roi
    group by roi
)

select
    (select list(datasets.text order by datasets.dataset) from datasets) as datasets,
    (select list(distinct subject.subject order by subject.subject) from subject) as subjects,
    (select list(regions.roi order by regions.place, regions.roi) from regions) as regions,
    (select list(model.model order by model.model) from model) as networks,
    (
        select list(protocol.protocol order by protocol.protocol <> 'sound', protocol.protocol)
        from protocol
    ) as protocols,
    (select count(*) from alignment) as alignments,
    (select list(result.result order by result.result) from result) as results,
    (
        select
            concat(
                run.command,
                ', ',
                strftime(run.started_at at time zone 'UTC', '%Y-%m-%d %H:%M UTC'),
                ', ',
                run.status
            )
        from run
        order by run.run desc
        limit 1
    ) as last_run
