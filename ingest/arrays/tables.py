"""Tables in CSV, TSV and Parquet: columns of numbers as a matrix, and columns of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alignhouse.ingest.arrays.matrices import BAND_BYTES, InMemory, Matrix, Piece
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.sizes import size_in_words

if TYPE_CHECKING:
    import polars as pl

MOST_TABLE_BYTES = 2**28
"""Limit of tables of names. The names of a million trials take a tenth of it."""
# Numbers of few digits take less room as text than as float64; reading needs a copy beside it.
_COPIES = 4


def read_texts(path: Path) -> dict[str, list[str]]:
    """The columns of a CSV file, or of a TSV file, as text; names of columns are in lower case.

    Raises
    ------
    BadInput : the file is missing, is no table, is too large, or names a column twice.
    """
    if path.stat().st_size > MOST_TABLE_BYTES:
        raise BadInput(
            f"{path} is too large to read",
            expected=f"at most {size_in_words(MOST_TABLE_BYTES)}",
            found=size_in_words(path.stat().st_size),
        )
    frame = _frame(path, as_text=True)
    named = [name.strip().lower() for name in frame.columns]
    for name in named:
        if named.count(name) > 1:
            raise BadInput(f"{path} has two columns of one name", found=name)
    return {
        name: [(value or "").strip() for value in column.to_list()]
        for name, column in zip(named, frame.iter_columns(), strict=True)
    }


def column_names(path: Path) -> list[str]:
    """The names of the columns of a table with commas or tabs, whatever its suffix.

    Raises
    ------
    BadInput : the file is no table.
    """
    return _columns(path, None, n_rows=0).columns


def read_columns(path: Path, names: Sequence[str]) -> dict[str, list[str]]:
    """Some columns of a table with commas or tabs, whatever its suffix, as text; others take no memory.

    Parameters
    ----------
    names : as in the first line of the table.

    Raises
    ------
    BadInput : the file is no table, or lacks a column.
    """
    there = column_names(path)
    for name in names:
        if name not in there:
            raise BadInput(f"{path} has no column {name}", hint=near_names(name, there))
    frame = _columns(path, names)
    return {name: [(value or "").strip() for value in frame[name].to_list()] for name in names}


def _columns(path: Path, names: Sequence[str] | None, n_rows: int | None = None) -> pl.DataFrame:
    import polars as pl

    try:
        with path.open("rb") as file:
            separator = "\t" if b"\t" in file.readline(MOST_TABLE_BYTES) else ","
        return pl.read_csv(
            path,
            separator=separator,
            infer_schema=False,
            columns=None if names is None else list(dict.fromkeys(names)),
            n_rows=n_rows,
        )
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise _no_table(path, error) from error


def _no_table(path: Path, error: Exception) -> BadInput:
    found = str(error).splitlines()[0][:160]
    return BadInput(f"{path} cannot be read", expected="a table with a head", found=found)


def read_number_table(
    path: Path, not_numbers: Sequence[str], memory: int
) -> tuple[InMemory, dict[str, list[Any]]]:
    """The columns of numbers of a CSV or TSV file, (n_rows, n_columns) float64, and its other columns.

    Parameters
    ----------
    not_numbers : names of columns that are no values, whatever they hold. memory : bytes that may be used.

    Raises
    ------
    BadInput : the file does not fit into the memory, or a column is neither numbers nor one of `not_numbers`.
    """
    size = path.stat().st_size
    if _COPIES * size > memory:
        raise BadInput(
            f"{path} must be read whole",
            expected=f"at most {size_in_words(memory // _COPIES)}, a part of the memory that is allowed",
            found=size_in_words(size),
            hint="raise compute.memory, or save the betas as .npy or Parquet, which are read in parts",
        )
    frame = _frame(path, as_text=False)
    others = {name: frame[name].to_list() for name in frame.columns if name.strip().lower() in not_numbers}
    values = [name for name in frame.columns if name not in others]
    for name in values:
        if not frame[name].dtype.is_numeric():
            raise BadInput(
                f"column {name} of {path}",
                expected=f"numbers; other columns are {', '.join(not_numbers)}",
                found=f"{frame[name].dtype}",
            )
    import polars as pl

    numbers = frame.select(pl.col(values).cast(pl.Float64)).to_numpy()
    return InMemory(np.ascontiguousarray(numbers)), {
        name.strip().lower(): column for name, column in others.items()
    }


def _frame(path: Path, *, as_text: bool) -> pl.DataFrame:
    import polars as pl

    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        return pl.read_csv(
            path,
            separator=separator,
            infer_schema=not as_text,
            infer_schema_length=None,
            null_values=None if as_text else ["NaN", "nan", ""],
        )
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise _no_table(path, error) from error


@dataclass(frozen=True)
class ParquetArray:
    """Columns of numbers of an open Parquet file, a row of the matrix for each of its rows.

    file : a `pyarrow.parquet.ParquetFile`.
    """

    file: Any
    columns: tuple[str, ...]
    dtype: np.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.file.metadata.num_rows, len(self.columns)

    def matrix(self, *, transposed: bool) -> Matrix:
        return _ParquetMatrix(self, transposed)


@dataclass(frozen=True)
class _ParquetMatrix:
    array: ParquetArray
    transposed: bool

    @property
    def shape(self) -> tuple[int, int]:
        n_rows, n_columns = self.array.shape
        return (n_columns, n_rows) if self.transposed else (n_rows, n_columns)

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    @property
    def has_cheap_rows(self) -> bool:
        return self.transposed

    def pieces(self, rows: np.ndarray) -> Iterator[Piece]:
        metadata = self.array.file.metadata
        first = 0
        for group in range(metadata.num_row_groups):
            count = metadata.row_group(group).num_rows
            if self.transposed:
                names = [self.array.columns[row] for row in rows]
                for start, block in self._columns(group, names, count):
                    yield Piece(start, first, block.T)
            else:
                low, high = np.searchsorted(rows, [first, first + count])
                inside = rows[low:high] - first
                for start, block in self._columns(group, self.array.columns if len(inside) else (), count):
                    yield Piece(int(low), start, block[inside])
            first += count

    def _columns(self, group: int, names: Sequence[str], n_rows: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (index of its first column, columns (n_rows, k)), some columns at a time."""
        step = max(1, BAND_BYTES // max(1, n_rows * self.dtype.itemsize))
        for start in range(0, len(names), step):
            some = names[start : start + step]
            table = self.array.file.read_row_group(group, columns=list(some))
            yield start, np.stack([_numbers(table.column(name), self.dtype) for name in some], axis=1)


def parquet_content(
    file: Any, not_numbers: Sequence[str], path: Path
) -> tuple[ParquetArray, Mapping[str, list[Any]]]:
    """The columns of numbers of an open Parquet file, and its other columns by lower-case name.

    Raises
    ------
    BadInput : a column is neither numbers nor one of `not_numbers`.
    """
    import pyarrow as pa

    schema = file.schema_arrow
    others = [name for name in schema.names if name.lower() in not_numbers]
    columns = tuple(name for name in schema.names if name not in others)
    for name in columns:
        kind = schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise BadInput(
                f"column {name} of {path}",
                expected=f"numbers; other columns are {', '.join(not_numbers)}",
                found=kind,
            )
    kinds = {schema.field(name).type for name in columns}
    narrow = kinds <= {pa.float32(), pa.float16()}
    array = ParquetArray(file, columns, np.dtype(np.float32 if narrow else np.float64))
    return array, {name.lower(): file.read(columns=[name]).column(name).to_pylist() for name in others}


def _numbers(column: Any, dtype: np.dtype) -> np.ndarray:
    import pyarrow as pa

    values = column.combine_chunks().cast(pa.from_numpy_dtype(dtype))
    if values.null_count:
        values = values.fill_null(np.nan)
    return np.from_dlpack(values)
