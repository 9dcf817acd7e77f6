"""Vectors in Parquet: one row per vector, its name columns beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.errors import BrokenWarehouse


def vector_table(names: Mapping[str, Sequence[Any]], column: str, vectors: np.ndarray) -> pa.Table:
    """An Arrow table of named vectors.

    Parameters
    ----------
    names : column -> value of each row, (n_rows,).
    column : name of the vector column.
    vectors : (n_rows, n_values), float32 or float64; kept in its own precision.

    Raises
    ------
    ValueError : a vector holds NaN or infinity, or a name column's length is not n_rows.
    """
    vectors = np.ascontiguousarray(vectors)
    if vectors.ndim != 2:
        raise ValueError(f"vectors of {column}: expected (n_rows, n_values), found shape {vectors.shape}")
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        row = {key: values[int(bad[0])] for key, values in names.items()}
        raise ValueError(f"vectors of {column}: NaN or infinity in {bad.size} rows, the first is {row}")
    flat = pa.array(vectors.reshape(-1))
    lists = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.table({**{key: pa.array(list(values)) for key, values in names.items()}, column: lists})


def read_vectors(path: Path, column: str) -> tuple[pl.DataFrame, np.ndarray]:
    """The name columns (n_rows) and the vectors (n_rows, n_values) of a Parquet file of named vectors."""
    table = pq.read_table(path, partitioning=None)
    if column not in table.column_names:
        raise BrokenWarehouse(f"artifact {path}", expected=f"column {column}", found=table.column_names)
    chunks = table.column(column).combine_chunks()
    values = chunks.flatten().to_numpy(zero_copy_only=False)
    names = pl.from_arrow(table.drop_columns([column]))
    assert isinstance(names, pl.DataFrame)
    return names, values.reshape(len(table), -1)
