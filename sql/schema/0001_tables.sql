-- The first schema: dimensions and facts, long and narrow.
-- `artifact` names the file that a row came from, and so its job, settings and inputs.
-- `remark` says in words why a row is not a finding ("synthetic brains, random weights").

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
