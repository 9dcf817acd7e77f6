"""The queries of the report give the same rows in the same order every time."""

from __future__ import annotations

import json

import duckdb

from alignhouse.warehouse.schema import sql_files


def test_inputs_of_the_same_name_are_in_the_order_of_their_hashes() -> None:
    hashes = [f"{(number * 7919) % 1000:04d}" for number in range(300)]
    with duckdb.connect() as connection:
        connection.execute(
            "create table artifact (method varchar, inputs json, settings json, is_current boolean, "
            "path varchar, sha256 varchar, rows bigint, bytes bigint)"
        )
        connection.executemany(
            "insert into artifact values ('precomputed_rdms', ?, '{}', true, 'p', 'x', 1, 1)",
            [[json.dumps({"rdms.npz": each})] for each in hashes],
        )
        rows = connection.execute(sql_files("report")["inputs"], {"dataset": "mini"}).fetchall()
    assert [row[2] for row in rows] == sorted(hashes)
