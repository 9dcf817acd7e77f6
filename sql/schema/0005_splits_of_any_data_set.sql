-- A data set names its own splits: the checks that allowed train and test only are dropped, the rows stay.
-- DuckDB cannot drop a check, so both tables are created again.

alter table stimulus rename to stimulus_before;

create table stimulus (
    dataset varchar not null,
    stimulus varchar not null,
    split varchar not null,
    stimulus_order integer not null,
    media varchar not null check (media in ('video', 'image')),
    file_name varchar not null,
    sha256 varchar not null,
    bytes bigint not null,
    frames integer not null,
    fps double,
    width integer not null,
    height integer not null,
    artifact varchar not null
);

insert into stimulus by name select * from stimulus_before;

drop table stimulus_before;

alter table region_reliability rename to region_reliability_before;

create table region_reliability (
    dataset varchar not null,
    subject varchar not null,
    roi varchar not null,
    split varchar not null,
    voxels integer not null,
    voxels_kept integer not null,
    repetitions integer not null,
    ncsnr_median double,
    rdm_reliability double,
    remark varchar not null,
    artifact varchar not null
);

insert into region_reliability by name select * from region_reliability_before;

drop table region_reliability_before;
