"""Arrow columns from plain Python values.

`pyarrow.array` does the same, but its first call imports pandas if that is installed. This costs a third of
a second in every command that writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

_NUMBERS = {pa.int32(): np.int32, pa.int64(): np.int64, pa.float64(): np.float64, pa.float32(): np.float32}


def table(schema: pa.Schema, columns: Mapping[str, Sequence[Any] | np.ndarray]) -> pa.Table:
    """An Arrow table, with columns in the order of the schema; see `column`."""
    arrays = [column(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def column(values: Sequence[Any] | np.ndarray, kind: pa.DataType) -> pa.Array:
    """Strings, booleans or numbers as an Arrow array; None becomes null. A numpy array is not copied."""
    if isinstance(values, np.ndarray):
        return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])
    validity = None
    if None in values:
        there = np.array([value is not None for value in values])
        validity = pa.py_buffer(np.packbits(there, bitorder="little"))
    if kind == pa.string():
        texts = [value or "" for value in values] if validity else values
        data = "".join(texts).encode()
        lengths = (
            [len(text.encode()) for text in texts] if len(data) > sum(map(len, texts)) else map(len, texts)
        )
        offsets = np.zeros(len(values) + 1, np.int32)
        np.cumsum(np.fromiter(lengths, np.int32, len(values)), out=offsets[1:])
        buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(data)]
    elif kind == pa.bool_():
        truths = np.array([bool(value) for value in values])
        buffers = [validity, pa.py_buffer(np.packbits(truths, bitorder="little"))]
    else:
        numbers = np.array([value or 0 for value in values] if validity else values, _NUMBERS[kind])
        buffers = [validity, pa.py_buffer(numbers)]
    return pa.Array.from_buffers(kind, len(values), buffers)
