"""Reads betas of BOLD Moments: one pickle for each part of a region and subject, with both splits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.datasets.bmd.layout import ARRAYS
from alignhouse.ingest.datasets.bmd.pickles import open_arrays
from alignhouse.ingest.datasets.bmd.stored_arrays import StoredArray
from alignhouse.ingest.datasets.bmd.videos import beta_videos
from alignhouse.warehouse.errors import BadInput


@dataclass(frozen=True)
class PickledBetas:
    """The betas of both splits in one open pickle; see `RawBetas`.

    In version A, some parts have no voxels: TOS of sub-06, TOS and RSC of sub-07.
    """

    arrays: dict[str, StoredArray]

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.arrays)

    def shape(self, split: str) -> tuple[int, int, int]:
        n_stimuli, repetitions, n_voxels = self.arrays[split].shape
        return n_stimuli, repetitions, n_voxels

    def stimuli(self, split: str) -> list[str]:
        return beta_videos(split, self.shape(split)[0])

    def blocks(self, split: str, buffer_bytes: int) -> Iterator[np.ndarray]:
        for _, values in self.arrays[split].row_blocks(buffer_bytes):
            yield values


@contextmanager
def open_pickled_betas(file: BetaFile, memory: int) -> Iterator[PickledBetas]:
    """Open the pickle of a part in one subject.

    Parameters
    ----------
    memory : bytes; a larger array is refused if it cannot be read in parts.

    Raises
    ------
    BadInput : the file cannot be read (see `open_arrays`), or an array is not (stimuli, repetitions, voxels).
    """
    with open_arrays(file.path, list(ARRAYS.values()), most_bytes=memory) as stored:
        arrays = {split: stored[key] for split, key in ARRAYS.items()}
        for split, array in arrays.items():
            _check(array, split, memory)
        yield PickledBetas(arrays)


def _check(array: StoredArray, split: str, memory: int) -> None:
    what = f"{split} betas in {array.path}"
    if len(array.shape) != 3 or 0 in array.shape[:2]:
        raise BadInput(what, expected="(stimuli, repetitions, voxels)", found=f"shape {array.shape}")
    if array.dtype.kind not in "fiu":
        raise BadInput(what, expected="real numbers", found=f"dtype {array.dtype}")
    if not array.is_in_rows and array.nbytes > memory:
        raise BadInput(
            f"{what} are stored voxel by voxel and must be read whole",
            expected=f"at most {memory:,} bytes, the memory that is allowed",
            found=f"{array.nbytes:,} bytes",
            hint="allow more memory",
        )
