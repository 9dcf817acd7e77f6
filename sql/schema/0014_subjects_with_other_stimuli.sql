-- Subjects may have seen different stimuli. A noise ceiling counts the stimuli that all subjects of the
-- region saw; null in rows of an older version, in which all subjects saw all stimuli.

alter table noise_ceiling add column n_stimuli integer;

create table subject_stimulus (
    dataset varchar not null,
    split varchar not null,
    subject varchar not null,
    stimulus varchar not null,
    is_seen boolean not null,
    is_used boolean not null,
    artifact varchar not null
);
