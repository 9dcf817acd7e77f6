"""Betas of one part of a region in one subject, read a few stimuli at a time, from any data set.

A data set opens its own files and gives `RawBetas`; this module checks them and converts them to float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from alignhouse.warehouse.errors import BadInput

BUFFER_BYTES = 4 * 2**20
"""Size of the blocks that are read from a file."""
MEMORY = 8 * 10**9
OTHER_STIMULI = 'if subjects saw different stimuli, set brain.stimuli = "shared" or "own"'
"""A hint for errors about stimuli without betas of a subject."""


@dataclass(frozen=True)
class BetaFile:
    """Where the betas of one part of a region (lV1v) in one subject (sub-01) are.

    also : further files that hold them, such as one file per split.
    options : keys of `[brain]` that change how the files are read, and are not at their default.
    stimuli : read only these; () for all. Only data sets with `has_spare_stimuli` are given some.
    has_all_stimuli : one of these without betas is an error; otherwise, those that are there are read.
    scratch : folder for temporary files; None for the system's.
    """

    subject: str
    part: str
    path: Path
    also: tuple[Path, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    stimuli: tuple[str, ...] = ()
    has_all_stimuli: bool = True
    scratch: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.path, *self.also)


class RawBetas(Protocol):
    """Betas of one part in one subject, as a data set reads them; values stay on disk until asked for."""

    @property
    def splits(self) -> Sequence[str]:
        """Every split that the files hold."""

    def shape(self, split: str) -> tuple[int, int, int]:
        """(n_stimuli, n_repetitions, n_voxels)."""

    def stimuli(self, split: str) -> Sequence[str]:
        """The names of the stimuli, in the order of the rows, (n_stimuli,)."""

    def blocks(self, split: str, buffer_bytes: int) -> Iterator[np.ndarray]:
        """Real numbers (k, n_repetitions, n_voxels), first stimulus to last, about `buffer_bytes` at a time.

        A block may be a buffer that the next one overwrites.
        """


@runtime_checkable
class WithSpareStimuli(Protocol):
    """`RawBetas` that read some of the stimuli of their files only."""

    def spare_stimuli(self, split: str) -> int:
        """How many stimuli of a split are not read."""


OpenRawBetas = Callable[[BetaFile, int], AbstractContextManager[RawBetas]]
"""Opens a file, given how many bytes of memory it may use. A module-level function: it must be picklable.

Raises BadInput for files that are missing or damaged.
"""


class AbsentRegion(BadInput):
    """A part of a region has no voxels in this subject; `reason` says so without naming file or subject."""

    def __init__(self, file: BetaFile, holds: str = "no voxels") -> None:
        super().__init__(f"{file.part} of {file.subject} is absent: {file.path} has {holds}")
        self.file, self._holds = file, holds
        self.reason = f"{file.part} has {holds}"

    def __reduce__(self) -> tuple[type[AbsentRegion], tuple[BetaFile, str]]:
        # Workers pickle their errors to send them to the coordinator.
        return type(self), (self.file, self._holds)


@dataclass(frozen=True)
class Betas:
    """Checked betas of one part in one subject; values stay on disk until asked for.

    good : which voxels are read, (V,) bool; None for all. dropped : how many voxels are not read.
    """

    file: BetaFile
    raw: RawBetas
    good: np.ndarray | None = None

    @property
    def dropped(self) -> int:
        return 0 if self.good is None else int(np.count_nonzero(~self.good))

    def shape(self, split: str) -> tuple[int, int, int]:
        """(n_stimuli, n_repetitions, n_voxels), without dropped voxels."""
        n_stimuli, repetitions, n_voxels = self.raw.shape(split)
        return n_stimuli, repetitions, n_voxels - self.dropped

    def blocks(self, split: str, buffer_bytes: int = BUFFER_BYTES) -> Iterator[np.ndarray]:
        """The betas, first stimulus to last, in blocks (k, n_repetitions, n_voxels) of float32.

        Raises
        ------
        BadInput : values are NaN or infinite (in float32); all of them are counted first.
        """
        bad = 0
        for values in self.raw.blocks(split, buffer_bytes):
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
    open_raw: OpenRawBetas,
    file: BetaFile,
    *,
    skip_bad: bool = False,
    memory: int = MEMORY,
    buffer_bytes: int = BUFFER_BYTES,
) -> Iterator[Betas]:
    """Open the betas of a part, in all its splits.

    Parameters
    ----------
    open_raw : the data set's reader. memory : bytes that it may use.
    skip_bad : leave out the voxels that have a NaN or infinite value in any split.

    Raises
    ------
    AbsentRegion : there are no voxels, or none are left.
    BadInput : the reader refuses the file, or the splits differ in their number of voxels.
    """
    with open_raw(file, memory) as raw:
        n_voxels = {split: raw.shape(split)[2] for split in raw.splits}
        if len(set(n_voxels.values())) > 1:
            raise BadInput(f"betas in {file.path}", expected="the same voxels in all splits", found=n_voxels)
        if 0 in n_voxels.values():
            raise AbsentRegion(file)
        good = _good_voxels(raw, buffer_bytes) if skip_bad else None
        if good is not None and not good.any():
            raise AbsentRegion(file, f"no voxel without NaN or infinite values among {len(good):,}")
        yield Betas(file, raw, good)


def _as_float32(values: np.ndarray) -> np.ndarray:
    # A value too large for float32 becomes infinite, and is then counted as such.
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(values, dtype=np.float32)


def _good_voxels(raw: RawBetas, buffer_bytes: int) -> np.ndarray:
    good = np.ones(raw.shape(raw.splits[0])[2], dtype=bool)
    for split in raw.splits:
        for values in raw.blocks(split, buffer_bytes):
            good &= np.isfinite(_as_float32(values)).all(axis=(0, 1))
    return good
