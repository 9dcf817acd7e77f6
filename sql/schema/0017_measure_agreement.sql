-- How far two protocols with different measures agree on the order of networks (in a region), of groups of
-- networks (in a region), and of regions. `statistic` is Spearman's rho of the two orders; for groups, the
-- share of pairs in the same order. It is null if there are too few of them.

create table measure_agreement (
    protocol varchar not null,
    other_protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    compared varchar not null check (compared in ('networks', 'groups', 'regions')),
    roi varchar,
    group_by varchar,
    n integer not null,
    statistic double,
    lower double,
    upper double,
    resampled varchar not null check (resampled in ('stimuli', 'both')),
    level double not null,
    draws integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);
