-- Noise ceilings get a test against chance and an interval of the lower bound. Intervals get the method
-- expanded_percentile. DuckDB cannot change a check, so both tables of intervals are created again; the rows
-- stay.

alter table noise_ceiling add column p_value double;
alter table noise_ceiling add column interval_lower double;
alter table noise_ceiling add column interval_upper double;
alter table noise_ceiling add column level double;
alter table noise_ceiling add column permutations integer;
alter table noise_ceiling add column seed integer;

alter table score_interval rename to score_interval_before;

create table score_interval (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    model varchar not null,
    layer varchar not null,
    roi varchar not null,
    test varchar not null check (test in ('layer', 'best_layer')),
    resampled varchar not null check (resampled in ('stimuli', 'subjects', 'both')),
    method varchar not null
    check (method in ('percentile', 'expanded_percentile', 'bias_corrected', 'dual')),
    level double not null,
    statistic double not null,
    lower double not null,
    upper double not null,
    draws integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);

insert into score_interval by name select * from score_interval_before;

drop table score_interval_before;

alter table difference_interval rename to difference_interval_before;

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
    method varchar not null
    check (method in ('percentile', 'expanded_percentile', 'bias_corrected', 'dual')),
    level double not null,
    statistic double not null,
    lower double not null,
    upper double not null,
    draws integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);

insert into difference_interval by name select * from difference_interval_before;

drop table difference_interval_before;
