-- The depth of a layer is null where the order of a network's layers is not known.
-- DuckDB cannot drop a not-null rule of a checked column, so the table is created again; the rows stay.

alter table layer rename to layer_before;

create table layer (
    protocol varchar not null,
    model varchar not null,
    layer varchar not null,
    layer_index integer not null,
    depth double check (depth between 0 and 1),
    width bigint,
    artifact varchar not null
);

insert into layer by name select * from layer_before;

drop table layer_before;
