-- How alike two networks are under a protocol, by its measure: their best layers in a region, or, without a
-- region, the two layers of all that are most similar.

create table network_similarity (
    protocol varchar not null,
    dataset varchar not null,
    split varchar not null,
    roi varchar,
    model varchar not null,
    layer varchar not null,
    other_model varchar not null,
    other_layer varchar not null,
    similarity double not null,
    remark varchar not null,
    artifact varchar not null
);
