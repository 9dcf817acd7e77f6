-- Control models, kept apart from networks: what they are, their scores, and what the layers of networks
-- explain beyond them. `partial_rho` and what belongs to it is null if the layer's ranks are a combination of
-- the controls' ranks; variances are null if the stimuli are too few; `reason` says so.

create table control (
    dataset varchar not null,
    split varchar not null,
    control varchar not null,
    source varchar not null check (source in ('frames', 'annotations', 'file', 'network')),
    network varchar,
    frame_order varchar check (frame_order in ('shuffled', 'frozen')),
    distance varchar not null,
    description varchar not null,
    artifact varchar not null
);

create table control_score (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    control varchar not null,
    layer varchar not null,
    layer_index integer not null,
    roi varchar not null,
    rho double not null,
    sem double,
    n_subjects integer not null,
    p_value double not null,
    permutations integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);

create table beyond_controls (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    model varchar not null,
    layer varchar not null,
    roi varchar not null,
    controls varchar not null,
    n_controls integer not null,
    n_subjects integer not null,
    partial_rho double,
    sem double,
    p_value double,
    p_family double,
    lower double,
    upper double,
    level double,
    resampled varchar check (resampled in ('stimuli', 'both')),
    method varchar check (method in ('expanded_percentile', 'dual')),
    r2_controls double,
    r2_layer double,
    r2_both double,
    unique_layer double,
    unique_lower double,
    unique_upper double,
    unique_controls double,
    shared double,
    folds integer,
    permutations integer not null,
    draws integer not null,
    seed integer not null,
    reason varchar not null,
    remark varchar not null,
    artifact varchar not null
);
