"""Vectors in Parquet: each row has a vector and its name columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alignhouse.warehouse.columns import column as arrow_column
from alignhouse.warehouse.errors import BrokenWarehouse

if TYPE_CHECKING:
    import polars as pl


_KINDS = {str: pa.string(), int: pa.int64(), float: pa.float64()}
# Larger row groups are read one row at a time, through a buffer of this size.
MOST_BYTES_READ_WHOLE = 64 * 2**20
READ_BUFFER = 2**20


def vector_schema(
    names: Mapping[str, pa.DataType], column: str, n_values: int, dtype: np.dtype | type
) -> pa.Schema:
    """The schema of named vectors of `n_values` numbers each, float32 or float64."""
    # Non-null columns are written and read 50 % faster.
    value = pa.field("element", pa.from_numpy_dtype(dtype), nullable=False)
    fields = [pa.field(name, kind) for name, kind in names.items()]
    return pa.schema([*fields, pa.field(column, pa.list_(value, n_values), nullable=False)])


def vector_batch(
    schema: pa.Schema, names: Mapping[str, Sequence[Any]], vectors: np.ndarray, *, gaps: bool = False
) -> pa.RecordBatch:
    """Some rows of named vectors, for data that does not fit into memory as one table.

    Parameters
    ----------
    schema : from `vector_schema`. names : column -> value of each row. vectors : (n_rows, n_values).
    gaps : NaN stands for a value that does not exist.

    Raises
    ------
    ValueError : a vector contains infinity, or NaN without `gaps`; or its length differs from the schema.
    """
    column = schema.names[-1]
    kind = schema.field(column).type
    vectors = np.ascontiguousarray(vectors)
    if vectors.ndim != 2 or vectors.shape[1] != kind.list_size:
        raise ValueError(
            f"vectors of {column}: expected (n_rows, {kind.list_size}), found shape {vectors.shape}"
        )
    good = ~np.isinf(vectors) if gaps else np.isfinite(vectors)
    if not good.all():
        bad = np.flatnonzero(~good.all(axis=1))
        row = {key: values[int(bad[0])] for key, values in names.items()}
        raise ValueError(f"vectors of {column}: NaN or infinity in {bad.size} rows, the first is {row}")
    flat = vectors.reshape(-1)
    lists = pa.FixedSizeListArray.from_arrays(arrow_column(flat, pa.from_numpy_dtype(flat.dtype)), type=kind)
    columns = [arrow_column(names[name], schema.field(name).type) for name in schema.names[:-1]]
    return pa.record_batch([*columns, lists], schema=schema)


def vector_table(
    names: Mapping[str, Sequence[Any]], column: str, vectors: np.ndarray, *, gaps: bool = False
) -> pa.Table:
    """An Arrow table of named vectors.

    Parameters
    ----------
    names : column -> value of each row, (n_rows,).
    column : name of the vector column.
    vectors : (n_rows, n_values), float32 or float64; stored in the same dtype.
    gaps : as in `vector_batch`.

    Raises
    ------
    ValueError : a vector contains infinity, or NaN without `gaps`; or a name column's length is not n_rows.
    """
    vectors = np.asarray(vectors)
    if vectors.ndim != 2:
        raise ValueError(f"vectors of {column}: expected (n_rows, n_values), found shape {vectors.shape}")
    kinds = {name: _KINDS[type(values[0])] if len(values) else pa.string() for name, values in names.items()}
    schema = vector_schema(kinds, column, vectors.shape[1], vectors.dtype)
    return pa.Table.from_batches([vector_batch(schema, names, vectors, gaps=gaps)])


def with_vectors(table: pa.Table, column: str, vectors: np.ndarray) -> pa.Table:
    """The table of named vectors with one more vector column.

    Parameters
    ----------
    vectors : (n_rows, n_values), float32 or float64.

    Raises
    ------
    ValueError : as in `vector_table`.
    """
    more = vector_table({"row": list(range(len(table)))}, column, vectors)
    return table.append_column(more.schema.field(column), more.column(column))


class VectorFile:
    """An open Parquet file of named vectors; reads any range of rows without the others."""

    def __init__(self, path: Path, column: str) -> None:
        self._file = pq.ParquetFile(path, buffer_size=READ_BUFFER, pre_buffer=False)
        self._column = column
        schema = self._file.schema_arrow
        if column not in schema.names:
            raise BrokenWarehouse(f"artifact {path}", expected=f"column {column}", found=schema.names)
        self.columns: list[str] = schema.names
        self.n_rows: int = self._file.metadata.num_rows
        self.n_values: int = schema.field(column).type.list_size
        # Arrow's own conversion may load pandas.
        self._dtype = np.dtype(f"f{schema.field(column).type.value_type.bit_width // 8}")
        counts = [self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)]
        self._ends = np.cumsum(counts, dtype=np.int64)

    def names(self, column: str) -> list[Any]:
        """A name column, (n_rows,)."""
        values: list[Any] = self._file.read(columns=[column]).column(column).to_pylist()
        return values

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows `start` to `stop`, (stop - start, n_values), in the stored dtype.

        Memory is for these rows, or for `MOST_BYTES_READ_WHOLE`; reading itself takes about three times one
        row more.
        """
        first, last = np.searchsorted(self._ends, [start, stop - 1], side="right")
        groups = list(range(int(first), int(last) + 1))
        begins = int(self._ends[first - 1]) if first else 0
        rows_to_decode = int(self._ends[last]) - begins
        if rows_to_decode * self.n_values * self._dtype.itemsize > MOST_BYTES_READ_WHOLE:
            return self._read_some(groups, start - begins, stop - begins)
        chunks = self._file.read_row_groups(groups, columns=[self._column]).column(0).combine_chunks()
        values = _numpy(chunks.slice(start - begins, stop - start).flatten())
        return values.reshape(stop - start, self.n_values)

    def each(self) -> Iterator[np.ndarray]:
        """The rows one after the other, (n_values,) each; only the caller keeps them in memory."""
        return map(self._one_row, self._file.iter_batches(batch_size=1, columns=[self._column]))

    def _read_some(self, groups: list[int], start: int, stop: int) -> np.ndarray:
        """Rows `start` to `stop` of these row groups, one after the other."""
        found = np.empty((stop - start, self.n_values), self._dtype)
        batches = self._file.iter_batches(batch_size=1, row_groups=groups, columns=[self._column])
        for row, values in enumerate(map(self._one_row, islice(batches, stop))):
            if row >= start:
                found[row - start] = values
        return found

    def _one_row(self, batch: pa.RecordBatch) -> np.ndarray:
        """The vector of a batch of one row."""
        values = _numpy(batch.column(0).flatten())
        if values.nbytes > MOST_BYTES_READ_WHOLE:
            # Else Arrow keeps the memory that it decoded with.
            pa.default_memory_pool().release_unused()
        return values

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> VectorFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class StoredVectors:
    """Lazy vectors (n_rows, n_values) of a Parquet file; each `np.asarray` call reads the file.

    Iterating reads one vector at a time.
    """

    def __init__(self, path: Path, column: str) -> None:
        self._path, self._column = path, column
        with VectorFile(path, column) as file:
            self.shape = (file.n_rows, file.n_values)

    def names(self, column: str) -> list[Any]:
        """A name column, (n_rows,)."""
        with VectorFile(self._path, self._column) as file:
            return file.names(column)

    def __iter__(self) -> Iterator[np.ndarray]:
        with VectorFile(self._path, self._column) as file:
            yield from file.each()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        with VectorFile(self._path, self._column) as file:
            values = file.read(0, file.n_rows)
        return values if dtype is None else values.astype(dtype, copy=False)


def read_vectors(path: Path, column: str) -> tuple[pl.DataFrame, np.ndarray]:
    """The name columns (n_rows) and the vectors (n_rows, n_values) of a Parquet file of named vectors.

    Other vector columns are not read.
    """
    import polars as pl

    # `pq.read_table` would load pandas.
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        if column not in schema.names:
            raise BrokenWarehouse(f"artifact {path}", expected=f"column {column}", found=schema.names)
        wanted = [
            each.name for each in schema if each.name == column or not pa.types.is_fixed_size_list(each.type)
        ]
        table = file.read(columns=wanted)
    chunks = table.column(column).combine_chunks()
    values = _numpy(chunks.flatten())
    names = pl.from_arrow(table.drop_columns([column]))
    assert isinstance(names, pl.DataFrame)
    return names, values.reshape(len(table), -1)


def _numpy(values: pa.Array) -> np.ndarray:
    """Numbers without nulls as a numpy array. Arrow's `to_numpy` would load pandas."""
    return np.from_dlpack(values)
