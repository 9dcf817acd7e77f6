"""Arrays in a file that can be read whole or a few rows at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from alignhouse.ingest.datasets.bmd.pickle_skeletons import Payload
from alignhouse.warehouse.errors import BadInput


@dataclass(frozen=True)
class StoredArray:
    """An array of numbers whose values are still on disk.

    dtype : in the byte order of the file.
    order : "C" or "F". axes : the transposition to apply after reading; None for none.
    """

    file: BinaryIO
    path: Path
    data: Payload | bytes | bytearray
    shape: tuple[int, ...]
    dtype: np.dtype
    order: str = "C"
    axes: tuple[int, ...] | None = None

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_in_rows(self) -> bool:
        """Whether rows are contiguous on disk, so that they can be read one by one."""
        return self.order == "C" and self.axes is None

    def read(self) -> np.ndarray:
        """Read the whole array; returns a view if the bytes are already in memory."""
        if isinstance(self.data, Payload):
            flat = np.empty(math.prod(self.shape), self.dtype)
            self._fill(flat, self.data.offset)
        else:
            flat = np.frombuffer(self.data, self.dtype)
        array = flat.reshape(self.shape, order="F" if self.order == "F" else "C")
        return array if self.axes is None else array.transpose(self.axes)

    def row_blocks(self, most_bytes: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, rows), in order, in blocks of at most `most_bytes`, but at least one row.

        All blocks share one buffer, so each block overwrites the last one. If `is_in_rows` is false, the
        whole array is read at once.
        """
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        if not (self.is_in_rows and isinstance(self.data, Payload)) or row_bytes == 0:
            yield 0, self.read()
            return
        step = max(1, min(self.shape[0], most_bytes // row_bytes))
        buffer = np.empty((step, *self.shape[1:]), self.dtype)
        for first in range(0, self.shape[0], step):
            block = buffer[: min(step, self.shape[0] - first)]
            self._fill(block.reshape(-1), self.data.offset + first * row_bytes)
            yield first, block

    def _fill(self, flat: np.ndarray, offset: int) -> None:
        self.file.seek(offset)
        view = flat.view(np.uint8).data
        while view:
            count = self.file.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise BadInput(f"{self.path} became shorter while it was read", hint="fetch it again")
            view = view[count:]
