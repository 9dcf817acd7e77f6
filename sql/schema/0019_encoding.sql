-- Voxel encoding: how well the layers of networks predict the responses of voxels to stimuli that they were
-- not fitted on. `r` is a median over voxels of Pearson's r; `r_normalised` is divided by each voxel's noise
-- ceiling, null without repetitions.

create table encoding_score (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    model varchar not null,
    layer varchar not null,
    roi varchar not null,
    subject varchar not null,
    r double not null,
    r_normalised double,
    training_r2 double not null,
    n_voxels integer not null,
    n_left_out integer not null,
    remark varchar not null,
    artifact varchar not null
);

create table encoding_best (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    model varchar not null,
    roi varchar not null,
    layer varchar not null,
    votes double not null,
    chosen_on varchar not null check (chosen_on in ('train', 'folds')),
    r double not null,
    is_normalised boolean not null,
    n_subjects integer not null,
    r_by_chance double,
    p_value double,
    permutations integer not null,
    lower double,
    upper double,
    level double not null,
    resampled varchar check (resampled in ('stimuli', 'subjects', 'both')),
    method varchar check (method in ('expanded_percentile', 'dual', 'student')),
    draws integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);
