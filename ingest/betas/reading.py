"""Betas of one part of a region in one subject, read from its pickle a few stimuli at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from alignhouse.ingest.datasets.bmd.layout import ARRAYS, BetaFile
from alignhouse.ingest.datasets.bmd.pickles import open_arrays
from alignhouse.ingest.datasets.bmd.stored_arrays import StoredArray
from alignhouse.warehouse.errors import BadInput

SPLITS = tuple(ARRAYS)
# float64 numbers that are in memory at a time, whatever the file's size.
BUFFER_BYTES = 4 * 2**20
MEMORY = 8 * 10**9


class AbsentRegion(BadInput):
    """A part of a region has no voxels in this subject; `reason` says so without naming file or subject.

    Version A has three: TOS of sub-06, TOS and RSC of sub-07.
    """

    def __init__(self, file: BetaFile, holds: str = "no voxels") -> None:
        super().__init__(f"{file.part} of {file.subject} is absent: {file.path} has {holds}")
        self.file, self._holds = file, holds
        self.reason = f"{file.part} has {holds}"

    def __reduce__(self) -> tuple[type[AbsentRegion], tuple[BetaFile, str]]:
        # Workers send their errors to the coordinator pickled.
        return type(self), (self.file, self._holds)


@dataclass(frozen=True)
class Betas:
    """Betas whose values are still on disk.

    good : the voxels that are read, (V,) bool; None for all. dropped : how many are not.
    """

    file: BetaFile
    arrays: dict[str, StoredArray]
    good: np.ndarray | None = None

    @property
    def dropped(self) -> int:
        return 0 if self.good is None else int(np.count_nonzero(~self.good))

    def shape(self, split: str) -> tuple[int, int, int]:
        """(n_stimuli, n_repetitions, n_voxels), the dropped voxels apart."""
        n_stimuli, repetitions, n_voxels = self.arrays[split].shape
        return n_stimuli, repetitions, n_voxels - self.dropped

    def blocks(self, split: str, buffer_bytes: int = BUFFER_BYTES) -> Iterator[np.ndarray]:
        """The betas of some stimuli after those of others, each (k, n_repetitions, n_voxels) float32.

        Raises BadInput where values are NaN or infinite (also those too large for float32), once it has
        counted them to the end.
        """
        array, bad = self.arrays[split], 0
        for _, values in array.row_blocks(buffer_bytes):
            block = _as_float32(values if self.good is None else values[..., self.good])
            bad += block.size - int(np.count_nonzero(np.isfinite(block)))
            if not bad:
                yield block
        if bad:
            raise BadInput(
                f"betas of {self.file.subject}, {self.file.part}, {split}",
                expected="finite numbers",
                found=f"{bad:,} of {int(np.prod(self.shape(split))):,} NaN or infinite",
                hint="skip the bad voxels (skip_bad), or fetch the file again",
            )


@contextmanager
def open_betas(
    file: BetaFile, *, skip_bad: bool = False, memory: int = MEMORY, buffer_bytes: int = BUFFER_BYTES
) -> Iterator[Betas]:
    """The betas of a part in both splits, to be read while the block lasts.

    Parameters
    ----------
    skip_bad : leave out the voxels with a NaN or infinite value in either split.
    memory : bytes; an array that can only be read whole and takes more is refused.

    Raises AbsentRegion where there are no voxels, or none are left; BadInput for what `open_arrays` refuses,
    other shapes than (stimuli, repetitions, voxels), and a number of voxels that differs between the splits.
    """
    with open_arrays(file.path, list(ARRAYS.values()), most_bytes=memory) as stored:
        arrays = {split: stored[key] for split, key in ARRAYS.items()}
        for split, array in arrays.items():
            _check(array, split, memory)
        n_voxels = {split: array.shape[2] for split, array in arrays.items()}
        if len(set(n_voxels.values())) > 1:
            raise BadInput(f"betas in {file.path}", expected="the same voxels in both splits", found=n_voxels)
        if n_voxels["train"] == 0:
            raise AbsentRegion(file)
        good = _good_voxels(list(arrays.values()), buffer_bytes) if skip_bad else None
        if good is not None and not good.any():
            raise AbsentRegion(file, f"no voxel without NaN or infinite values among {len(good):,}")
        yield Betas(file, arrays, good)


def read_betas(file: BetaFile, *, skip_bad: bool = False) -> dict[str, np.ndarray]:
    """Betas of a part in memory: {"train": (n_train, 3, V), "test": (n_test, 10, V)}, float32, V voxels.

    Rows are named by `bmd.stimulus_names`. Raises what `open_betas` and `Betas.blocks` raise.
    """
    with open_betas(file, skip_bad=skip_bad) as betas:
        return {
            split: np.concatenate([block.copy() for block in betas.blocks(split)]) for split in betas.arrays
        }


def _check(array: StoredArray, split: str, memory: int) -> None:
    what = f"{split} betas in {array.path}"
    if len(array.shape) != 3 or 0 in array.shape[:2]:
        raise BadInput(what, expected="(stimuli, repetitions, voxels)", found=f"shape {array.shape}")
    if array.dtype.kind not in "fiu":
        raise BadInput(what, expected="real numbers", found=f"dtype {array.dtype}")
    if not array.is_in_rows and array.nbytes > memory:
        raise BadInput(
            f"{what} can only be read whole, for they lie voxel by voxel",
            expected=f"at most {memory:,} bytes, the memory that is allowed",
            found=f"{array.nbytes:,} bytes",
            hint="allow more memory",
        )


def _as_float32(values: np.ndarray) -> np.ndarray:
    # A value too large for float32 becomes infinite, and is then counted as such.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32)


def _good_voxels(arrays: Sequence[StoredArray], buffer_bytes: int) -> np.ndarray:
    good = np.ones(arrays[0].shape[2], dtype=bool)
    for array in arrays:
        for _, values in array.row_blocks(buffer_bytes):
            good &= np.isfinite(_as_float32(values)).all(axis=(0, 1))
    return good
