-- Tests of what a layer explains beyond the controls, linear in dissimilarities; null in rows of an older
-- version, and if the layer is a combination of the controls. And differences between a network and the same
-- network that saw frames in another order.

alter table beyond_controls add column unique_r double;
alter table beyond_controls add column unique_p double;
alter table beyond_controls add column unique_p_family double;

create table frame_order_difference (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    model varchar not null,
    frame_order varchar not null check (frame_order in ('shuffled', 'frozen')),
    roi varchar not null,
    comparison varchar not null check (comparison in ('same_layer', 'best_layer')),
    layer varchar not null,
    layer_in_order varchar not null,
    rho double not null,
    rho_in_order double not null,
    difference double not null,
    lower double not null,
    upper double not null,
    level double not null,
    resampled varchar not null check (resampled in ('stimuli', 'both')),
    method varchar not null check (method in ('expanded_percentile', 'dual')),
    p_value double not null,
    n_subjects integer not null,
    draws integer not null,
    seed integer not null,
    remark varchar not null,
    artifact varchar not null
);
