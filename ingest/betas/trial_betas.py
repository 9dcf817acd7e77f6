"""Betas of trials in any order in a file, as stimuli with repetitions, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np

from alignhouse.ingest.arrays.matrices import Matrix, take
from alignhouse.ingest.arrays.on_disk import cheap_rows
from alignhouse.ingest.betas.plans import ReadingPlans, plans_of
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.trials import Trials
from alignhouse.warehouse.errors import BadInput


class Scale(Protocol):
    """Scales the values of trials."""

    def scaled(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """The scaled values (len(rows), n_voxels) of the trials `rows`."""


class ReadyTrials(NamedTuple):
    """A matrix whose rows are cheap, and how values are scaled; None if they are used as they are."""

    matrix: Matrix
    scale: Scale | None = None


@dataclass(frozen=True)
class TrialBetas:
    """The betas of one region in one person; see `RawBetas`.

    ready : gives what values are read from. label : of the file, for errors. hint : where splits are named.
    """

    plans: ReadingPlans
    n_voxels: int
    ready: Callable[[], ReadyTrials]
    label: str
    hint: str

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.plans.rows)

    def shape(self, split: str) -> tuple[int, int, int]:
        plan = self._plan(split)
        return len(plan), 1 if self.plans.averages else len(next(iter(plan.values()))), self.n_voxels

    def stimuli(self, split: str) -> list[str]:
        return list(self._plan(split))

    def spare_stimuli(self, split: str) -> int:
        return self.plans.spare[split]

    def blocks(self, split: str, buffer_bytes: int) -> Iterator[np.ndarray]:
        plan = list(self._plan(split).values())
        # Values are averaged and scaled in float64.
        largest = max(map(len, plan)) * self.n_voxels * 8
        step = max(1, buffer_bytes // max(1, largest))
        for start in range(0, len(plan), step):
            some = plan[start : start + step]
            values = self._take(np.array([row for each in some for row in each]))
            if self.plans.averages:
                yield self._means(values, [len(each) for each in some])
            else:
                yield values.reshape(len(some), -1, self.n_voxels)

    def _take(self, rows: np.ndarray) -> np.ndarray:
        order = np.argsort(rows, kind="stable")
        matrix, scale = self.ready()
        values = take(matrix, rows[order])
        if scale is not None:
            values = scale.scaled(values, rows[order])
        if (order[1:] > order[:-1]).all():
            return values
        sorted_back = np.empty_like(values)
        sorted_back[order] = values
        return sorted_back

    def _means(self, values: np.ndarray, counts: Sequence[int]) -> np.ndarray:
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        sums = np.add.reduceat(values.astype(np.float64), starts, axis=0)
        return (sums / np.array(counts)[:, None])[:, None]

    def _plan(self, split: str) -> Mapping[str, Sequence[int]]:
        if split not in self.plans.rows:
            raise BadInput(
                f"{self.label} has no stimuli of split {split}",
                expected=f"brain.split = {' or '.join(map(repr, self.plans.rows))}",
                hint=self.hint,
            )
        return self.plans.rows[split]


@contextmanager
def betas_of_trials(
    matrix: Matrix,
    trials: Trials,
    file: BetaFile,
    *,
    repetitions: str,
    scale: Callable[[Matrix], Scale] | None,
    memory: int,
    label: str,
    hint: str,
) -> Iterator[TrialBetas]:
    """The betas of a matrix (n_trials, n_voxels), which stays open.

    Rows that are not cheap are copied once, and only if values are asked for.

    Parameters
    ----------
    repetitions : the key of `[brain]`. memory : bytes that may be used.
    scale : gives the scale of the values from all trials; None to use them as they are.
    label : of the betas, for errors. hint : where splits are named.

    Raises
    ------
    BadInput : see `plans_of`.
    """
    plans = plans_of(trials, file, repetitions)
    scales = scale is not None and 0 not in matrix.shape
    needed = np.arange(len(trials.stimuli)) if scales else np.array(plans.all_rows)
    with ExitStack() as stack:

        @cache
        def ready() -> ReadyTrials:
            by_rows = stack.enter_context(cheap_rows(matrix, needed, file.scratch, memory, label))
            return ReadyTrials(by_rows, scale(by_rows) if scales and scale is not None else None)

        yield TrialBetas(plans, matrix.shape[1], ready, str(file.path), hint)
