"""The spool: temporary storage for the features of a network's layers, one row for each stimulus.

A network's features may not fit in memory (hundreds of megabytes for each stimulus), and an RDM needs them
only one block of columns at a time. They are kept in one file for each layer, or on the device if they fit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features.devices import where_float64_is
from alignhouse.ingest.features.gram import Block
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import read_exactly

if TYPE_CHECKING:
    import torch

Spooled = Literal["fp32", "fp16"]
KINDS: dict[Spooled, np.dtype[Any]] = {"fp32": np.dtype(np.float32), "fp16": np.dtype(np.float16)}
# Memory holds a column of a block as read, and two copies in float64 during computations.
_BYTES_COMPUTED_WITH = 2 * np.dtype(np.float64).itemsize
_LARGEST_FLOAT16 = float(np.finfo(np.float16).max)
# Larger blocks are not faster, and do not fit the processor's caches.
_LARGEST_BLOCK = 64_000_000
_LARGEST_BLOCK_OF_A_GPU = 1_000_000_000


class RowStatistics(NamedTuple):
    """The smallest, largest and mean value of one row, computed in float64."""

    least: float
    most: float
    mean: float


class _Store(Protocol):
    """Storage for the rows of one layer."""

    def append(self, row: torch.Tensor) -> None: ...

    def blocks(self, n_rows: int, columns: int) -> Iterator[Block]: ...

    def close(self) -> None: ...


class SpooledLayer:
    """The rows of one layer, read one block of columns at a time.

    Attributes
    ----------
    width : number of features in a row.
    means : (stimuli,) float64, mean of each stored row.
    """

    def __init__(self, name: str, width: int, kind: Spooled, store: _Store, largest_block: float) -> None:
        self.name, self.width, self._kind = name, width, kind
        self._means: list[float] = []
        self._store, self._largest_block = store, largest_block

    @property
    def means(self) -> NDArray[np.float64]:
        return np.array(self._means)

    def append(self, row: torch.Tensor, found: RowStatistics, stimulus: str) -> None:
        """Append the row of the next stimulus, (width,) float32. found : its statistics.

        Raises
        ------
        BadInput : another width, a value that is not finite or too large for float16, or all values equal;
            names layer and stimulus.
        """
        where = f"features of layer {self.name} for {stimulus}"
        if row.shape != (self.width,):
            raise BadInput(where, expected=f"{self.width} values", found=f"{row.numel()}")
        if not (np.isfinite(found.least) and np.isfinite(found.most)):
            wrong = int((~row.isfinite()).sum())
            raise BadInput(where, expected="finite values", found=f"{wrong} of {row.numel()} that are not")
        if self._kind == "fp16":
            largest = max(abs(found.least), abs(found.most))
            if largest > _LARGEST_FLOAT16:
                raise BadInput(
                    where, expected="at most 65504, the largest of float16", found=f"{largest:g}",
                    hint='keep features with spool = "fp32"',
                )  # fmt: skip
            row = row.half()
            [found] = statistics_of([row])
        if found.least == found.most:
            raise BadInput(
                where,
                expected="values that differ, to correlate",
                found=f"{found.least:g} in all {row.numel()}",
                hint="the network may be untrained in this layer: set networks.skip_bad = true",
            )
        self._means.append(found.mean)
        self._store.append(row)

    def blocks(self, memory: float) -> Iterator[Block]:
        """Yield blocks of columns, left to right, (stimuli, columns) float32 or float16.

        A block is valid until the next one is read, since they share a buffer. A block and its float64 copies
        fit into `memory` bytes. Numpy arrays, or torch tensors if the rows are on a GPU.
        """
        rows = len(self._means)
        bytes_of_column = rows * (KINDS[self._kind].itemsize + _BYTES_COMPUTED_WITH)
        columns = max(1, min(self.width, int(min(memory, self._largest_block) / bytes_of_column)))
        yield from self._store.blocks(rows, columns)

    def close(self) -> None:
        self._store.close()


class Spool:
    """The rows of all layers of one network; a context manager, which always removes its files.

    Parameters
    ----------
    scratch : an existing folder; the spool creates a temporary folder in it.
    kind : "fp32" or "fp16", the stored type.
    on_device : keep rows in the memory of their device instead of on disk.
    skip_bad : drop a layer with an invalid row and list it in `skipped`, instead of raising.

    Attributes
    ----------
    skipped : dropped layer -> reason.
    """

    def __init__(
        self, scratch: Path, *, kind: Spooled = "fp32", on_device: bool = False, skip_bad: bool = False
    ) -> None:
        if not scratch.is_dir():
            raise BadInput("scratch folder for features", expected="an existing folder", found=str(scratch))
        self._folder = tempfile.TemporaryDirectory(prefix="features-", dir=scratch)
        self._layers: dict[str, SpooledLayer] = {}
        self._kind, self._on_device, self._skip_bad = kind, on_device, skip_bad
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
        """All layers, including dropped ones, in the order of the first stimulus."""
        return list(self._layers.values())

    def append(self, features: Mapping[str, torch.Tensor], stimulus: str) -> None:
        """Append a row to every layer. Rows go to the CPU if their device has no float64, which RDMs need.

        Raises
        ------
        BadInput : as in `SpooledLayer.append`, or the layers differ from those of the first stimulus.
        """
        features = {name: where_float64_is(row) for name, row in features.items()}
        if not self._layers:
            for index, (name, row) in enumerate(features.items()):
                self._layers[name] = self._new_layer(index, name, row)
        if list(features) != list(self._layers):
            raise BadInput(
                f"layers read for {stimulus}", expected=", ".join(self._layers), found=", ".join(features)
            )
        kept = [name for name in features if name not in self.skipped]
        statistics = statistics_of([features[name] for name in kept])
        for name, found in zip(kept, statistics, strict=True):
            try:
                self._layers[name].append(features[name], found, stimulus)
            except BadInput as error:
                if not self._skip_bad:
                    raise
                self.skipped[name] = str(error)

    def _new_layer(self, index: int, name: str, row: torch.Tensor) -> SpooledLayer:
        width, dtype = row.numel(), KINDS[self._kind]
        store: _Store
        if self._on_device:
            store = _OnDevice(width)
        else:
            store = _OnDisk(Path(self._folder.name) / f"{index:04d}.{self._kind}", width, dtype)
        on_gpu = self._on_device and row.device.type != "cpu"
        largest = _LARGEST_BLOCK_OF_A_GPU if on_gpu else _LARGEST_BLOCK
        return SpooledLayer(name, width, self._kind, store, largest)


class _OnDisk:
    """Rows in one file, one after another."""

    def __init__(self, path: Path, width: int, dtype: np.dtype[Any]) -> None:
        self._path, self._width, self._dtype = path, width, dtype
        self._file = path.open("wb")

    def append(self, row: torch.Tensor) -> None:
        row.cpu().numpy().tofile(self._file)

    def blocks(self, n_rows: int, columns: int) -> Iterator[Block]:
        self._file.flush()
        raw = np.empty((n_rows, columns), self._dtype)
        with self._path.open("rb", buffering=0) as file:
            for start in range(0, self._width, columns):
                count = min(columns, self._width - start)
                for row in range(n_rows):
                    offset = (row * self._width + start) * self._dtype.itemsize
                    read_exactly(file.fileno(), raw[row, :count], offset)
                yield raw[:, :count]

    def close(self) -> None:
        self._file.close()


class _OnDevice:
    """Rows in the memory of the device that computed them."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._rows: list[torch.Tensor] = []

    def append(self, row: torch.Tensor) -> None:
        self._rows.append(row)

    def blocks(self, n_rows: int, columns: int) -> Iterator[Block]:
        import torch

        on_gpu = self._rows[0].device.type != "cpu"
        for start in range(0, self._width, columns):
            parts = [row[start : start + columns] for row in self._rows[:n_rows]]
            block = torch.stack(parts)
            yield block if on_gpu else block.numpy()

    def close(self) -> None:
        self._rows.clear()


def statistics_of(rows: Sequence[torch.Tensor]) -> list[RowStatistics]:
    """The statistics of each row, (width,), copied from the device at once: each copy waits for a GPU."""
    import torch

    if not rows:
        return []
    on_device = [
        torch.stack([*(each.double() for each in row.aminmax()), row.mean(dtype=torch.float64)])
        for row in rows
    ]
    return [RowStatistics(*values) for values in torch.stack(on_device).tolist()]
