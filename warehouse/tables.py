"""Rows of DuckDB tables as outputs of jobs; `sql/schema` defines the column types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from alignhouse.warehouse.artifacts import hive
from alignhouse.warehouse.columns import table as arrow_table
from alignhouse.warehouse.jobs import Output
from alignhouse.warehouse.schema import empty_tables


@cache
def table_schema(table: str) -> pa.Schema:
    """The columns of a table of `sql/schema`, without `artifact`, which registration adds.

    Raises
    ------
    KeyError : the table does not exist.
    """
    return _schemas()[table]


def rows_output(table: str, columns: Mapping[str, Sequence[Any] | np.ndarray], slot: Sequence[str]) -> Output:
    """The rows of a fact or dimension table.

    Parameters
    ----------
    columns : column -> value of each row, (n_rows,); None is null. An omitted column is null.
    slot : a new row replaces the rows that have the same values in all of these columns.

    Raises
    ------
    ValueError : a column that the table does not have, or columns of different lengths.
    """
    schema = table_schema(table)
    if unknown := [name for name in columns if name not in schema.names]:
        raise ValueError(f"table {table} has no column {unknown[0]}; it has {', '.join(schema.names)}")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of table {table}: expected equal lengths, found {lengths}")
    present = [field for field in schema if field.name in columns]
    plain = {field.name: _plain(columns[field.name], field.type) for field in present}
    data = arrow_table(pa.schema(present), plain)
    return Output(("facts", hive("table", table)), data, table=table, slot=tuple(slot))


def _plain(values: Sequence[Any] | np.ndarray, kind: pa.DataType) -> Sequence[Any] | np.ndarray:
    """Convert numeric arrays to the column's type, and other arrays to lists."""
    if not isinstance(values, np.ndarray):
        return values
    if values.dtype.kind not in "fiu":
        plain: list[Any] = values.tolist()
        return plain
    return values.astype(kind.to_pandas_dtype(), copy=False)


@cache
def _schemas() -> dict[str, pa.Schema]:
    """Every table of the newest schema, from an empty DuckDB in memory."""
    with empty_tables() as connection:
        names = connection.execute("select table_name from duckdb_tables()").fetchall()
        found = {}
        for (name,) in names:
            columns = connection.sql(f'select * from "{name}" limit 0').to_arrow_table().schema
            found[name] = pa.schema([each.remove_metadata() for each in columns if each.name != "artifact"])
        return found
