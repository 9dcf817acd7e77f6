-- Uncertainty: intervals, layers chosen on other stimuli, corrections for multiple tests, complexity.

create table corrected_significance (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    model varchar not null,
    layer varchar not null,
    roi varchar not null,
    test varchar not null check (test in ('layer', 'best_layer')),
    statistic double not null,
    p_value double not null,
    correction varchar not null check (correction in ('benjamini_hochberg', 'holm', 'max_statistic')),
    p_adjusted double not null,
    n_tests integer not null,
    permutations integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);

create table layer_choice (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    model varchar not null,
    roi varchar not null,
    chosen_on varchar not null check (chosen_on in ('train', 'halves')),
    layer varchar not null,
    votes double not null,
    rho double not null,
    highest_layer varchar not null,
    highest_rho double not null,
    choices integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);

create table layer_vote (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    model varchar not null,
    roi varchar not null,
    layer varchar not null,
    votes double not null,
    remark varchar not null,
    artifact varchar not null
);

create table score_interval (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    model varchar not null,
    layer varchar not null,
    roi varchar not null,
    test varchar not null check (test in ('layer', 'best_layer')),
    resampled varchar not null check (resampled in ('stimuli', 'subjects', 'both')),
    method varchar not null check (method in ('percentile', 'bias_corrected', 'dual')),
    level double not null,
    statistic double not null,
    lower double not null,
    upper double not null,
    draws integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);

create table difference_interval (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    roi varchar not null,
    group_by varchar not null,
    group_a varchar not null,
    group_b varchar,
    n_a integer not null,
    n_b integer,
    resampled varchar not null check (resampled in ('stimuli', 'subjects', 'both')),
    method varchar not null check (method in ('percentile', 'bias_corrected', 'dual')),
    level double not null,
    statistic double not null,
    lower double not null,
    upper double not null,
    draws integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);

create table complexity (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    roi varchar not null,
    figure varchar not null check (figure in ('parameters', 'gflops', 'top1')),
    given varchar not null,
    method varchar not null check (method in ('pearson', 'spearman')),
    correlation double,
    lower double,
    upper double,
    level double not null,
    n_networks integer not null,
    n_left_out integer not null,
    draws integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);
