-- A warehouse as the first release left it: its schema, its views, and a few rows. Tests carry it forward.

create table migration (name varchar primary key);

insert into migration values ('0001_tables'), ('views of the first release');

-- The first schema: dimensions and facts, long and narrow.
-- `artifact` in a row names the file that the row came from, and so its job, settings and inputs.
-- `remark` says in words what keeps a row from being a finding ("synthetic brains, random weights").

create table run (
    run integer primary key,
    started_at timestamptz not null,
    finished_at timestamptz,
    status varchar not null check (status in ('running', 'finished', 'stopped')),
    command varchar not null,
    study json not null,
    version varchar not null,
    python varchar not null,
    host varchar not null,
    jobs integer
);

create table artifact (
    artifact varchar primary key,
    job varchar not null,
    file_index integer not null,
    of_files integer not null,
    method varchar not null,
    method_version integer not null,
    path varchar not null,
    sha256 varchar not null,
    bytes bigint not null,
    rows bigint not null,
    settings json not null,
    inputs json not null,
    table_name varchar,
    slot json not null,
    is_current boolean not null,
    run integer not null,
    registered_at timestamptz not null
);

create table dataset (
    dataset varchar not null,
    kind varchar not null,
    version varchar,
    is_synthetic boolean not null,
    remark varchar not null,
    artifact varchar not null
);

create table subject (
    dataset varchar not null,
    subject varchar not null,
    subject_order integer not null,
    artifact varchar not null
);

create table roi (
    dataset varchar not null,
    roi varchar not null,
    roi_group varchar not null,
    roi_order integer not null,
    artifact varchar not null
);

create table roi_part (
    dataset varchar not null,
    roi varchar not null,
    part varchar not null,
    part_order integer not null,
    hemisphere varchar not null check (hemisphere in ('left', 'right', 'both')),
    artifact varchar not null
);

create table stimulus (
    dataset varchar not null,
    stimulus varchar not null,
    split varchar not null check (split in ('train', 'test', 'all')),
    stimulus_order integer not null,
    media varchar not null check (media in ('video', 'image')),
    file_name varchar not null,
    sha256 varchar not null,
    bytes bigint not null,
    frames integer not null,
    fps double,
    width integer not null,
    height integer not null,
    artifact varchar not null
);

create table model (
    model varchar not null,
    network varchar not null,
    source varchar not null,
    source_id varchar,
    model_type varchar not null,
    arch_type varchar not null,
    family varchar not null,
    training_dataset varchar not null,
    parameters bigint,
    gflops double,
    top1 double,
    weights varchar not null,
    remark varchar not null,
    artifact varchar not null
);

create table layer (
    protocol varchar not null,
    model varchar not null,
    layer varchar not null,
    layer_index integer not null,
    depth double not null check (depth between 0 and 1),
    width bigint,
    artifact varchar not null
);

create table protocol (
    protocol varchar not null,
    settings json not null,
    artifact varchar not null
);

create table alignment (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    model varchar not null,
    layer varchar not null,
    roi varchar not null,
    subject varchar not null,
    rho double not null,
    remark varchar not null,
    artifact varchar not null
);

create table significance (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    model varchar not null,
    layer varchar not null,
    roi varchar not null,
    test varchar not null check (test in ('layer', 'best_layer')),
    statistic double not null,
    p_value double not null,
    permutations integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);

create table noise_ceiling (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    roi varchar not null,
    lower double,
    upper double,
    n_subjects integer not null,
    remark varchar not null,
    artifact varchar not null
);

create table group_comparison (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    roi varchar not null,
    group_by varchar not null,
    group_a varchar not null,
    group_b varchar,
    n_a integer not null,
    n_b integer,
    statistic double not null,
    p_value double not null,
    p_adjusted double,
    correction varchar not null,
    permutations integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);

create view stg_significance as
-- One row: a test of one layer in one region. The two kinds of test stand side by side:
-- `p_layer` holds for a layer that was named beforehand, `p_best` for the best of the network's layers.
select
    protocol,
    dataset,
    split,
    model,
    layer,
    roi,
    max(p_value) filter (where test = 'layer') as p_layer,
    max(p_value) filter (where test = 'best_layer') as p_best
from significance
group by all;

create view layer_score as
-- One row: the alignment of one layer of a network with one region, over the subjects.
with

alignments as (
    select * from alignment
),

layers as (
    select * from layer
),

tests as (
    select * from stg_significance
),

regions as (
    select * from roi
),

scores as (
    select
        protocol,
        dataset,
        split,
        model,
        layer,
        roi,
        avg(rho) as rho,
        -- one subject has no spread, which is not a spread of zero
        stddev_samp(rho) / sqrt(count(*)) as sem,
        count(*) as n_subjects,
        any_value(remark) as remark
    from alignments
    group by all
),

final as (
    select
        scores.protocol,
        scores.dataset,
        scores.split,
        scores.model,
        scores.layer,
        layers.layer_index,
        layers.depth,
        scores.roi,
        regions.roi_group,
        regions.roi_order,
        scores.rho,
        scores.sem,
        scores.n_subjects,
        tests.p_layer as p_value,
        scores.remark
    from scores
    inner join layers
        on
            scores.protocol = layers.protocol
            and scores.model = layers.model
            and scores.layer = layers.layer
    inner join regions
        on
            scores.dataset = regions.dataset
            and scores.roi = regions.roi
    left join tests
        on
            scores.protocol = tests.protocol
            and scores.dataset = tests.dataset
            and scores.split = tests.split
            and scores.model = tests.model
            and scores.layer = tests.layer
            and scores.roi = tests.roi
)

select * from final;

create view best_layer as
-- One row: the layer of a network that aligns best with one region, chosen on the data it is reported on;
-- `p_value` is the one that the protocol holds right for a layer so chosen.
with

scores as (
    select * from layer_score
),

models as (
    select * from model
),

tests as (
    select * from stg_significance
),

ranked as (
    select
        *,
        row_number() over (
            partition by protocol, dataset, split, model, roi
            order by rho desc, layer_index asc
        ) as place
    from scores
),

final as (
    select
        ranked.protocol,
        ranked.dataset,
        ranked.split,
        ranked.model,
        models.model_type,
        models.arch_type,
        models.family,
        models.training_dataset,
        ranked.roi,
        ranked.roi_group,
        ranked.roi_order,
        ranked.layer,
        ranked.layer_index,
        ranked.depth,
        ranked.rho,
        ranked.sem,
        ranked.n_subjects,
        tests.p_best as p_value,
        ranked.remark
    from ranked
    inner join models on ranked.model = models.model
    left join tests
        on
            ranked.protocol = tests.protocol
            and ranked.dataset = tests.dataset
            and ranked.split = tests.split
            and ranked.model = tests.model
            and ranked.layer = tests.layer
            and ranked.roi = tests.roi
    where ranked.place = 1
)

select * from final;

create view depth_profile as
-- One row: the alignment of a network with one region at one relative depth of the grid 0, 0.1, ..., 1,
-- on the straight line between the two layers around it.
with

scores as (
    select * from layer_score
),

models as (
    select * from model
),

grid as (
    select unnest(range(11)) / 10.0 as depth
),

segments as (
    select
        protocol,
        dataset,
        split,
        model,
        roi,
        roi_group,
        roi_order,
        remark,
        depth as depth_from,
        rho as rho_from,
        lead(depth) over curve as depth_to,
        lead(rho) over curve as rho_to,
        row_number() over curve as place
    from scores
    window curve as (
        partition by protocol, dataset, split, model, roi
        order by layer_index
    )
),

-- a network with a single layer has a point, not a curve
final as (
    select
        segments.protocol,
        segments.dataset,
        segments.split,
        segments.model,
        models.model_type,
        models.arch_type,
        models.family,
        models.training_dataset,
        segments.roi,
        segments.roi_group,
        segments.roi_order,
        grid.depth,
        segments.rho_from
        + (segments.rho_to - segments.rho_from)
        * (grid.depth - segments.depth_from)
        / (segments.depth_to - segments.depth_from) as rho,
        segments.remark
    from segments
    inner join grid
        on
            segments.depth_to >= grid.depth
            and (
                segments.depth_from < grid.depth
                or (segments.place = 1 and segments.depth_from = grid.depth)
            )
    inner join models on segments.model = models.model
)

select * from final;

create view group_alignment as
-- One row: a group of networks in one region, over the best layers of its networks. `group_by` says what the
-- networks are grouped by; a network is in one group of each kind.
with

best as (
    select * from best_layer
),

labelled as (
    unpivot best
    on model_type, arch_type, family, training_dataset
    into
    name group_by
    value group_name
),

final as (
    select
        protocol,
        dataset,
        split,
        roi,
        roi_group,
        roi_order,
        group_by,
        group_name,
        count(*) as n_models,
        median(rho) as median_rho,
        quantile_cont(rho, 0.25) as lower_quartile,
        quantile_cont(rho, 0.75) as upper_quartile,
        arg_max(model, rho) as best_model,
        max(rho) as best_rho,
        count(*) filter (where p_value < 0.05) as n_significant,
        any_value(remark) as remark
    from labelled
    group by protocol, dataset, split, roi, roi_group, roi_order, group_by, group_name
)

select * from final;

create view network as
-- One row: a network with the weights it was given, and how many layers of it are read at most.
with

models as (
    select * from model
),

layers as (
    select
        model,
        max(layer_index) + 1 as n_layers
    from layer
    group by model
),

final as (
    select
        models.model,
        models.source,
        models.model_type,
        models.arch_type,
        models.family,
        models.training_dataset,
        models.parameters,
        models.gflops,
        models.top1,
        models.weights,
        layers.n_layers,
        models.remark
    from models
    left join layers on models.model = layers.model
)

select * from final;

create view region_ceiling as
-- One row: the noise ceiling of one region under a protocol, with the region's place among the others.
with

ceilings as (
    select * from noise_ceiling
),

regions as (
    select * from roi
),

final as (
    select
        ceilings.protocol,
        ceilings.dataset,
        ceilings.split,
        ceilings.roi,
        regions.roi_group,
        regions.roi_order,
        ceilings.lower,
        ceilings.upper,
        ceilings.n_subjects,
        ceilings.remark
    from ceilings
    inner join regions
        on
            ceilings.dataset = regions.dataset
            and ceilings.roi = regions.roi
)

select * from final;

insert into run values (1, now(), now(), 'finished', 'alignhouse run', '{}', '0.1.0', '3.11', 'host', 1);
insert into dataset values ('d', 'rdms', null, false, '', 'f1');
insert into roi values ('d', 'V1', 'early', 0, 'f1');
insert into model values
('m', 'm', 'timm', null, 'image', 'CNNs', 'F', 'T', 1000, 1.5, 70.0, 'pretrained', '', 'f1');
insert into protocol values ('sound', '{}', 'f1');
insert into layer values ('sound', 'm', 'l0', 0, 0.0, 10, 'f1'), ('sound', 'm', 'l1', 1, 1.0, 10, 'f1');
insert into alignment values
('sound', 'd', 'test', 'm', 'l0', 'V1', 's1', 0.1, '', 'f1'),
('sound', 'd', 'test', 'm', 'l0', 'V1', 's2', 0.3, '', 'f1'),
('sound', 'd', 'test', 'm', 'l1', 'V1', 's1', 0.4, '', 'f1'),
('sound', 'd', 'test', 'm', 'l1', 'V1', 's2', 0.6, '', 'f1');
insert into significance values
('sound', 'd', 'test', 'm', 'l1', 'V1', 'best_layer', 0.5, 0.02, 99, 0, '', 'f1');
insert into noise_ceiling values ('sound', 'd', 'test', 'V1', 0.5, 0.7, 2, '', 'f1');
