"""The spool: feature patterns on disk, one float32 file a layer, one row a stimulus, gone when done.

A network's features do not fit in memory (hundreds of megabytes a stimulus); an RDM needs them only a block
of columns at a time.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from warehouse.errors import BadInput

_BYTES_OF_A_FEATURE = np.dtype(np.float32).itemsize
# A column of a block is held in float32 as read, and in float64 as computed with, centred copy included.
_BYTES_IN_MEMORY = _BYTES_OF_A_FEATURE + 2 * np.dtype(np.float64).itemsize
# More makes nothing faster.
_LARGEST_BLOCK = 256_000_000


class SpooledLayer:
    """The rows of one layer, read block of columns by block of columns.

    Attributes
    ----------
    width : features of a row.
    means : (stimuli,) float64, mean of every row.
    """

    def __init__(self, name: str, path: Path, width: int) -> None:
        self.name, self.width, self._path = name, width, path
        self._means: list[float] = []
        self._file = path.open("wb")

    @property
    def means(self) -> NDArray[np.float64]:
        return np.array(self._means)

    def append(self, row: NDArray[np.float32], stimulus: str) -> None:
        """Adds the row of the next stimulus.

        Raises
        ------
        BadInput : another width, a value that is not finite, or one value throughout; names the place.
        """
        where = f"features of layer {self.name} for {stimulus}"
        if row.shape != (self.width,):
            raise BadInput(where, expected=f"{self.width} values", found=f"{row.size}")
        if not np.isfinite(row).all():
            wrong = int(row.size - np.isfinite(row).sum())
            raise BadInput(where, expected="finite values", found=f"{wrong} of {row.size} that are not")
        if row.min() == row.max():
            raise BadInput(
                where,
                expected="values that differ, to correlate",
                found=f"{row[0]:g} in all {row.size}",
                hint="the network may be untrained in this layer; list it under not_tapped in the catalog",
            )
        self._means.append(float(row.mean(dtype=np.float64)))
        row.astype(np.float32, copy=False).tofile(self._file)

    def blocks(self, memory: float) -> Iterator[NDArray[np.float64]]:
        """Blocks of columns, left to right, as (stimuli, columns) float64, each within `memory` bytes.

        Every block is a view of one buffer that the next one overwrites.
        """
        self._file.flush()
        rows = len(self._means)
        bound = min(memory, _LARGEST_BLOCK) / (rows * _BYTES_IN_MEMORY)
        columns = max(1, min(self.width, int(bound)))
        raw = np.empty((rows, columns), dtype=np.float32)
        with self._path.open("rb", buffering=0) as file:
            for start in range(0, self.width, columns):
                count = min(columns, self.width - start)
                for row in range(rows):
                    offset = (row * self.width + start) * _BYTES_OF_A_FEATURE
                    _read_exactly(file.fileno(), raw[row, :count], offset)
                yield raw[:, :count].astype(np.float64)

    def close(self) -> None:
        self._file.close()


class Spool:
    """The layers of one network; use as a context manager, which removes the files whatever happens.

    Parameters
    ----------
    scratch : an existing folder, in which a folder of the spool's own is made.
    skip_bad : drop a layer whose row cannot be kept, and say so in `skipped`, instead of raising.

    Attributes
    ----------
    skipped : dropped layers and why.
    """

    def __init__(self, scratch: Path, *, skip_bad: bool = False) -> None:
        if not scratch.is_dir():
            raise BadInput("scratch folder for features", expected="an existing folder", found=str(scratch))
        self._folder = tempfile.TemporaryDirectory(prefix="features-", dir=scratch)
        self._layers: dict[str, SpooledLayer] = {}
        self._skip_bad = skip_bad
        self.skipped: dict[str, str] = {}

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for layer in self._layers.values():
            layer.close()
        self._folder.cleanup()

    @property
    def layers(self) -> list[SpooledLayer]:
        """All layers, dropped ones too, in the order of the first stimulus."""
        return list(self._layers.values())

    def append(self, features: Mapping[str, NDArray[np.float32]], stimulus: str) -> None:
        """Adds a row to every layer.

        Raises
        ------
        BadInput : as `SpooledLayer.append`, or the layers differ from those of the first stimulus.
        """
        if not self._layers:
            for index, (name, row) in enumerate(features.items()):
                path = Path(self._folder.name) / f"{index:04d}.f32"
                self._layers[name] = SpooledLayer(name, path, row.size)
        if list(features) != list(self._layers):
            raise BadInput(
                f"layers read for {stimulus}", expected=", ".join(self._layers), found=", ".join(features)
            )
        for name, row in features.items():
            if name in self.skipped:
                continue
            try:
                self._layers[name].append(row, stimulus)
            except BadInput as error:
                if not self._skip_bad:
                    raise
                self.skipped[name] = str(error)


def _read_exactly(descriptor: int, into: NDArray[np.float32], offset: int) -> None:
    target = into.data.cast("B")
    done = 0
    while done < len(target):
        count = os.preadv(descriptor, [target[done:]], offset + done)
        if count == 0:
            raise OSError("the spool's file is shorter than what was written to it")
        done += count
