"""Reads betas of MOSAIC: the grayordinates of one area, trial by trial."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.arrays.hdf5 import is_group, member_of
from alignhouse.ingest.arrays.limits import check_size
from alignhouse.ingest.arrays.matrices import Piece, real_numbers
from alignhouse.ingest.betas.plans import REPETITIONS, plans_of
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.trial_betas import ReadyTrials, TrialBetas
from alignhouse.ingest.datasets.mosaic.layout import StoredTrials, opened_trials, person_of
from alignhouse.ingest.datasets.mosaic.parcellation import area_of
from alignhouse.warehouse.errors import BadInput

_SPLITS = "stimuli have the phases in the names of the trials"


@contextmanager
def open_trial_betas(file: BetaFile, memory: int) -> Iterator[TrialBetas]:
    """Open the betas of an area in one hemisphere of a person.

    Raises
    ------
    BadInput : a file is damaged; trials and parcellation differ in their number of grayordinates; repetitions
        differ, and `brain.repetitions` does not say what to do.
    """
    [parcellation] = file.also
    columns, n_grayordinates = area_of(file.part, parcellation)
    with opened_trials(person_of(file.path)) as stored:
        plans = plans_of(stored.trials, file, file.options.get(REPETITIONS, "all"))
        dtype = np.dtype(_dataset(stored, 0, file.path).dtype)
        matrix = TrialMatrix(stored, columns, n_grayordinates, dtype, file.path, memory)
        yield TrialBetas(plans, len(columns), lambda: ReadyTrials(matrix), str(file.path), _SPLITS)


@dataclass(frozen=True)
class TrialMatrix:
    """Some grayordinates of trials, (n_trials, V), each trial a dataset of its own; see `Matrix`.

    columns : ascending indices of the grayordinates, (V,). memory : bytes that a chunk may take.
    """

    stored: StoredTrials
    columns: np.ndarray
    n_grayordinates: int
    dtype: np.dtype
    path: Path
    memory: int

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.stored.names), len(self.columns)

    @property
    def has_cheap_rows(self) -> bool:
        return True

    def pieces(self, rows: np.ndarray) -> Iterator[Piece]:
        low, high = int(self.columns[0]), int(self.columns[-1]) + 1
        for number, row in enumerate(rows.tolist()):
            dataset = _dataset(self.stored, row, self.path)
            self._check(dataset, self.stored.names[row])
            yield Piece(number, 0, dataset[low:high][self.columns - low][None])

    def _check(self, dataset: Any, name: str) -> None:
        label = f"{name} in {self.path}"
        if dataset.shape != (self.n_grayordinates,) or dataset.dtype != self.dtype:
            raise BadInput(
                label,
                expected=f"shape ({self.n_grayordinates},), as the parcellation, and dtype {self.dtype}",
                found=f"shape {dataset.shape} and dtype {dataset.dtype}",
            )
        if dataset.chunks:  # HDF5 decompresses whole chunks.
            check_size(dataset.chunks, self.dtype.itemsize, f"a chunk of {label}", self.memory)


def _dataset(stored: StoredTrials, row: int, path: Path) -> Any:
    name = stored.names[row]
    dataset = member_of(stored.group, name, path)
    if is_group(dataset) or not real_numbers(np.dtype(dataset.dtype)):
        found = "a group" if is_group(dataset) else f"dtype {dataset.dtype}"
        raise BadInput(f"{name} in {path}", expected="betas (grayordinates,), real numbers", found=found)
    return dataset
