-- One row: the number of the journal's entry that the last transaction committed.

create table journal (
    last_entry bigint not null
);

insert into journal values (0);
