-- Statistics that users add: what each of them is, and who added it. Its rows are a table of the schema
-- `results`, made from the Parquet file of the rows, so its columns are those that the user gave.

create schema results;

create table result (
    result varchar not null,
    description varchar not null,
    author varchar not null,
    rows_sha256 varchar not null,
    artifact varchar not null
);
