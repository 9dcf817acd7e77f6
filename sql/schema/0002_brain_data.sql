-- Brain data and videos: reliability, absent regions, annotations.

create table region_reliability (
    dataset varchar not null,
    subject varchar not null,
    roi varchar not null,
    split varchar not null check (split in ('train', 'test')),
    voxels integer not null,
    voxels_kept integer not null,
    repetitions integer not null,
    ncsnr_median double,
    rdm_reliability double,
    remark varchar not null,
    artifact varchar not null
);

create table subject_region (
    dataset varchar not null,
    subject varchar not null,
    roi varchar not null,
    absent_because varchar,
    artifact varchar not null
);

create table stimulus_object (
    dataset varchar not null,
    stimulus varchar not null,
    annotator integer not null,
    label_order integer not null,
    object varchar not null,
    things_id varchar,
    artifact varchar not null
);

create table stimulus_scene (
    dataset varchar not null,
    stimulus varchar not null,
    annotator integer not null,
    label_order integer not null,
    scene varchar not null,
    places365_id varchar,
    artifact varchar not null
);

create table stimulus_action (
    dataset varchar not null,
    stimulus varchar not null,
    annotator integer not null,
    label_order integer not null,
    action varchar not null,
    mit_id varchar,
    artifact varchar not null
);

create table stimulus_sentence (
    dataset varchar not null,
    stimulus varchar not null,
    source varchar not null,
    sentence_order integer not null,
    sentence varchar not null,
    artifact varchar not null
);

create table stimulus_memorability (
    dataset varchar not null,
    stimulus varchar not null,
    memorability double,
    memorability_decay double,
    mit_file_name varchar,
    mit_url varchar,
    artifact varchar not null
);
