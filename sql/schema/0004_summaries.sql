-- What most questions read is stored, and kept in step with the facts; these were views before. Their columns
-- are those of the queries in sql/summaries. Here stands which of their rows have to be made anew.

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
