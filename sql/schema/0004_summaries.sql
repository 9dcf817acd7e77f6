-- Stored summaries, which most questions read, replace views of the same names. Their columns are those of
-- the queries in sql/summaries. `stale_scope` lists the rows that must be recomputed.

drop view if exists group_alignment;
drop view if exists depth_profile;
drop view if exists best_layer;
drop view if exists layer_score;

create table stale_scope (
    protocol varchar,
    dataset varchar,
    split varchar,
    model varchar
);
