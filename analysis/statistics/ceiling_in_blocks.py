"""Noise ceilings and their tests for RDMs that do not fit in memory, in blocks of pairs of stimuli."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.measure_names import RANK_MEASURES
from alignhouse.analysis.kernels.measures import vector_length
from alignhouse.analysis.kernels.permuted_products import MOST_PAIRS_A_TILE, cosines_with, products_among
from alignhouse.analysis.kernels.similarity import FloatArray, condition_count
from alignhouse.analysis.kernels.threads import Tick, slices, untold
from alignhouse.analysis.kernels.vectors_on_disk import LongVector, SquaresOnDisk, VectorsOnDisk, stored_type
from alignhouse.analysis.statistics.intervals import Interval
from alignhouse.analysis.statistics.noise_ceiling import (
    FEWEST_SUBJECTS,
    FEWEST_SUBJECTS_OF_AN_INTERVAL,
    NoiseCeiling,
    combined_scores,
    jackknife_interval,
    means_of_unit_vectors,
)
from alignhouse.analysis.statistics.permutation import p_value_greater
from alignhouse.analysis.statistics.rsa_in_blocks import Rdms, Room, bytes_needed
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.analysis.statistics.subject_agreement import OrdersOfSubjects, agreement_of_products


@dataclass(frozen=True)
class RegionCeiling:
    """The noise ceiling of one region, its interval and the p of its test; None with too few subjects."""

    ceiling: NoiseCeiling | None = None
    interval: Interval | None = None
    p_value: float | None = None


def ceiling_in_blocks(
    rdms: Rdms,
    settings: AnalysisSettings,
    *,
    level: float,
    permutations: int,
    seed: int,
    most_subjects: int,
    room: Room,
    names: Sequence[str],
    tick: Tick = untold,
) -> RegionCeiling:
    """As `noise_ceiling`, `lower_ceiling_interval` and `agreement_tests`; RDMs are read one at a time.

    Parameters
    ----------
    rdms : (S, P). names : (S), of the subjects for errors.
    level : of the interval. permutations, seed : of the test.
    most_subjects : of any region that is tested with these orders of stimuli.

    Raises
    ------
    BadInput : as those functions; too little memory to rank one RDM; too little space on the disk.
    """
    n_subjects, n_pairs = rdms.shape
    if n_subjects < FEWEST_SUBJECTS:
        return RegionCeiling()
    n_stimuli, measure = condition_count(n_pairs), settings.measure
    n_entries = vector_length(n_pairs, measure)
    is_raw = settings.ceiling_average == "raw"
    a_subject = n_entries * stored_type(measure).itemsize + n_pairs * 8 * is_raw + n_stimuli**2 * 4
    least = bytes_needed(n_pairs, measure)
    room.check(n_stimuli, least, n_subjects * a_subject, f"of {n_subjects} subjects")
    with ExitStack() as stack:
        vectors = stack.enter_context(VectorsOnDisk(room.folder, n_entries, stored_type(measure)))
        raw = stack.enter_context(VectorsOnDisk(room.folder, n_pairs, np.dtype(np.float64)))
        squares = stack.enter_context(SquaresOnDisk(room.folder, n_stimuli))

        def prepare(name: str, rdm: FloatArray) -> LongVector:
            vector = LongVector.of(rdm, measure, name)
            if is_raw:
                raw.append(rdm)
            return vector

        # `map` keeps neither an RDM nor a vector while it reads the next one.
        for vector in map(prepare, names, rdms):
            vectors.append(vector.values, vector.length)
            squares.append(vector.values, vector.length)
            del vector
        means = _Means(vectors, raw if is_raw else None, settings, names, room.memory // 4)
        nulls = [
            agreement_of_products(products_among(squares, orders, memory=room.memory // 2))
            for orders in _waves(most_subjects, n_subjects, n_stimuli, permutations, seed, room.memory, tick)
        ]
        same = np.arange(n_stimuli)[None, None]
        observed = agreement_of_products(products_among(squares, same, memory=room.memory // 2))
        p = p_value_greater(observed[0], np.concatenate(nulls))
        return RegionCeiling(means.ceiling(), means.interval(level), float(p))


def _waves(
    most_subjects: int,
    n_subjects: int,
    n_stimuli: int,
    permutations: int,
    seed: int,
    memory: int,
    tick: Tick,
) -> Iterator[NDArray[np.intp]]:
    """Orders of the stimuli of each subject, (K, S, n), as many at a time as an eighth of `memory` holds."""
    orders = OrdersOfSubjects(most_subjects, n_stimuli, seed)
    # The orders, and what they are sorted from.
    a_permutation = 2 * 8 * most_subjects * n_stimuli
    for wave in slices(permutations, max(1, memory // 8 // a_permutation)):
        yield orders.draw(wave.stop - wave.start)[:, :n_subjects]
        tick(wave.stop, permutations)


class _Means:
    """Subjects compared with means of some of them."""

    def __init__(
        self,
        vectors: VectorsOnDisk,
        raw: VectorsOnDisk | None,
        settings: AnalysisSettings,
        names: Sequence[str],
        memory: int,
    ) -> None:
        self._vectors, self._raw, self._settings = vectors, raw, settings
        self._names, self._memory = names, memory
        # Two subjects can be left out in two orders.
        self._scores = cache(self._scores_without)

    def ceiling(self) -> NoiseCeiling:
        return NoiseCeiling(self._lower(frozenset()), self._combined(self._scores(frozenset())))

    def interval(self, level: float) -> Interval | None:
        """None for fewer than three subjects."""
        if len(self._vectors) < FEWEST_SUBJECTS_OF_AN_INTERVAL:
            return None
        without = [self._lower(frozenset({left_out})) for left_out in range(len(self._vectors))]
        return jackknife_interval(self._lower(frozenset()), without, level)

    def _lower(self, left_out: frozenset[int]) -> float:
        """The lower ceiling of the other subjects."""
        kept = [each for each in range(len(self._vectors)) if each not in left_out]
        return self._combined(np.array([self._scores(left_out | {each})[each] for each in kept]))

    def _combined(self, rho: FloatArray) -> float:
        return combined_scores(rho, self._settings.ceiling_combine)

    def _scores_without(self, left_out: frozenset[int]) -> FloatArray:
        """The score of every subject with the mean of all that are not left out, (S,)."""
        mean = self._mean(left_out)
        without = ", ".join(self._names[each] for each in sorted(left_out))
        name = f"the mean without {without}" if left_out else "the mean of all subjects"
        if self._raw is not None or self._settings.measure in RANK_MEASURES:
            vector = LongVector.of(mean, self._settings.measure, name)
        else:
            of_units = means_of_unit_vectors(mean[None], [name])
            vector = LongVector(of_units.centred[0], float(np.sqrt(of_units.sum_squares[0])))
        del mean
        lengths = np.array([vector.length])
        return cosines_with(self._vectors, vector.values[None], lengths, memory=self._memory)[:, 0]

    def _mean(self, left_out: frozenset[int]) -> FloatArray:
        """The mean dissimilarities, ranks or unit vectors of the subjects that are not left out."""
        source = self._vectors if self._raw is None else self._raw
        kept = [each for each in range(len(source)) if each not in left_out]
        of_units = self._raw is None and self._settings.measure not in RANK_MEASURES
        mean = np.empty(source.n_entries)
        for some in slices(source.n_entries, MOST_PAIRS_A_TILE):
            rows = source.read(some)[kept].astype(np.float64, copy=False)
            if of_units:
                rows /= source.lengths[kept, None]
            mean[some] = rows.mean(axis=0)
        return mean
