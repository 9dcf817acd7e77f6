"""Bootstraps of scores over stimuli, over subjects, and over both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.devices import Precision
from alignhouse.analysis.kernels.measure_names import Measure
from alignhouse.analysis.kernels.similarity import (
    DEFAULT_MEMORY,
    FloatArray,
    condition_count,
)
from alignhouse.analysis.kernels.threads import Tick, untold
from alignhouse.analysis.statistics.partial_rsa import rho_of_subjects
from alignhouse.analysis.statistics.resampling import resampled_scores
from alignhouse.analysis.statistics.seen import Seen, check_seen, sets_of
from alignhouse.warehouse.errors import BadInput

Array = NDArray[Any]

# Fewer distinct stimuli have fewer than three pairs, too few for a rank correlation.
FEWEST_DISTINCT_STIMULI = 3
# Independent random streams of one seed.
STIMULI, SUBJECTS, NETWORKS, HALVES = range(4)


@dataclass(frozen=True)
class BootstrapScores:
    """Scores R (mean over subjects of the similarity) of L layers in one region, in B resamples of each kind.

    Attributes
    ----------
    observed : (L,), R without resampling.
    stimuli : (L, B), stimuli resampled.
    subjects : (L, B), subjects resampled; None with a single subject.
    both : (L, B), each resample with the stimuli of `stimuli` and the subjects of `subjects`; or None.
    n_stimuli, n_subjects : numbers of stimuli and subjects in the data.
    """

    observed: FloatArray
    stimuli: Array
    subjects: Array | None
    both: Array | None
    n_stimuli: int
    n_subjects: int

    def best_layer(self) -> BootstrapScores:
        """The highest score of the L layers, chosen in each resample separately: a record with L = 1."""

        def best(samples: Array | None) -> Array | None:
            return None if samples is None else samples.max(axis=0, keepdims=True)

        return BootstrapScores(
            self.observed.max(keepdims=True),
            self.stimuli.max(axis=0, keepdims=True),
            best(self.subjects),
            best(self.both),
            self.n_stimuli,
            self.n_subjects,
        )


def resample_counts(
    n: int,
    draws: int,
    seed: int,
    stream: int,
    *,
    fewest: int = 1,
    seen: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """How often each of `n` things is in each of `draws` samples with replacement: (draws, n) int32.

    They depend only on the arguments, and the first k are the same for every number of draws. Samples with
    fewer than `fewest` distinct things are drawn again. With `seen` (G, n), this holds for the things in each
    of the G sets; see `seen.check_seen`. The source is raw draws of PCG64, as in
    `permutation.stimulus_permutations`. Multiplication maps them to 0..n-1; its bias, n / 2^32, is
    negligible.

    Raises BadInput for n below `fewest`, too small a set, no draws, or a negative seed.
    """
    for what, least, found in (("things to draw", max(1, fewest), n), ("draws", 1, draws), ("seed", 0, seed)):
        if found < least:
            raise BadInput(f"bootstrap: {what}", expected=f"at least {least}", found=found)
    sets = np.ones((1, n), dtype=bool) if seen is None else seen
    if seen is not None:
        check_seen(seen)
    source = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream,)))
    kept = np.empty((draws, n), np.int32)
    done = 0
    while done < draws:
        # Drawing many at a time does not change the sequence: which samples are rejected depends on the
        # stream.
        raw = source.random_raw((draws - done) * n).reshape(-1, n)
        chosen = ((raw >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)
        flat = chosen.astype(np.intp) + n * np.arange(len(chosen))[:, None]
        counts = np.bincount(flat.ravel(), minlength=chosen.size).reshape(-1, n)
        distinct = (counts > 0).astype(np.int32) @ sets.T
        counts = counts[(distinct >= fewest).all(axis=1)]
        kept[done : done + len(counts)] = counts
        done += len(counts)
    return kept


def bootstrap_scores(
    models: ArrayLike,
    brain: Mapping[str, ArrayLike],
    *,
    draws: int = 1000,
    seed: int = 0,
    measure: Measure = "spearman",
    seen: Seen | None = None,
    precision: Precision = "float64",
    memory: int = DEFAULT_MEMORY,
    layer_names: Sequence[str] | None = None,
    tick: Tick = untold,
) -> dict[str, BootstrapScores]:
    """Bootstrap distributions of the score R of every layer (L, P) in every region.

    The three resamplings are those of the dual bootstrap (Schuett, Kipnis, Diedrichsen & Kriegeskorte 2023,
    eLife 12, e82566): stimuli alone, subjects alone, and the same draws of both together; `intervals`
    combines them. A resample of stimuli leaves out the pairs of a stimulus with its own copies. For one seed,
    all networks and regions use the same draws of stimuli, and regions with equally many subjects the same
    draws of subjects. Differences between networks can therefore be computed draw by draw.

    Parameters
    ----------
    models : (L, P), one condensed RDM a layer.
    brain : region -> (S, P), one condensed RDM a subject; subjects are drawn among those of the region.
    draws, seed : number of resamples of each kind, and their seed. measure : see `measures.similarity`.
    seen : region -> (S, n), the stimuli that each subject saw; None for all. All subjects share a resample;
        each is scored on the part of it that it saw.
    precision : "float32" is accurate to 1e-6 and takes half the memory.
    memory : bytes for working buffers (see `resampling.resampled_scores`).
    layer_names : (L), names of the layers for errors. tick : called as resamples are done.

    Raises BadInput as `resampled_scores` does.
    """
    rdms = {roi: np.asarray(each) for roi, each in brain.items()}
    layers = np.asarray(models)
    if layers.ndim != 2 or not rdms:
        raise BadInput(
            "bootstrap",
            expected="layers (L, P) and at least one region",
            found=f"{layers.shape}, {len(rdms)}",
        )
    n_stimuli = condition_count(layers.shape[1])
    stimuli = resample_counts(
        n_stimuli, draws, seed, STIMULI, fewest=FEWEST_DISTINCT_STIMULI, seen=sets_of(seen)
    )
    subjects = {roi: resample_counts(len(each), draws, seed, SUBJECTS) for roi, each in rdms.items()}
    resampled = resampled_scores(
        layers,
        rdms,
        stimuli,
        subjects,
        measure=measure,
        seen=seen,
        precision=precision,
        memory=memory,
        layer_names=layer_names,
        tick=tick,
    )
    plain = rho_of_subjects(layers, rdms, seen, layer_names, measure)
    found = {}
    for roi, scores in resampled.items():
        n_subjects = len(rdms[roi])
        rho = plain[roi]
        of_subjects = (rho @ subjects[roi].T / n_subjects).astype(scores.all_subjects.dtype)
        several = n_subjects > 1
        found[roi] = BootstrapScores(
            observed=rho.mean(axis=1),
            stimuli=scores.all_subjects,
            subjects=of_subjects if several else None,
            both=scores.drawn_subjects if several else None,
            n_stimuli=n_stimuli,
            n_subjects=n_subjects,
        )
    return found


def difference_scores(a: BootstrapScores, b: BootstrapScores) -> BootstrapScores:
    """Bootstrap of the differences a - b, draw by draw; both must have the same brains and draws."""
    return _combined([a, b], lambda arrays: arrays[0] - arrays[1])


def median_scores(scores: Sequence[BootstrapScores]) -> BootstrapScores:
    """Bootstrap of the median over networks, draw by draw; all must have the same brains and draws."""
    return _combined(scores, lambda arrays: np.median(np.stack(arrays), axis=0))


def stacked_scores(scores: Sequence[BootstrapScores]) -> BootstrapScores:
    """Stack the rows of records that have the same brains and draws."""
    return _combined(scores, np.concatenate)


def some_scores(scores: BootstrapScores, rows: slice | NDArray[np.intp]) -> BootstrapScores:
    """The record with only some of the rows."""
    return _combined([scores], lambda arrays: arrays[0][rows])


def _combined(scores: Sequence[BootstrapScores], combine: Callable[[list[Array]], Array]) -> BootstrapScores:
    first = scores[0]
    for each in scores[1:]:
        theirs, ours = _of_what(each), _of_what(first)
        if theirs != ours:
            raise BadInput(
                "bootstraps to compare",
                expected=ours,
                found=theirs,
                hint="only scores with the same brains, under the same draws, can be compared draw by draw",
            )

    def of(kind: str) -> Any:
        arrays = [getattr(each, kind) for each in scores]
        return None if any(each is None for each in arrays) else combine(arrays)

    return BootstrapScores(
        of("observed"), of("stimuli"), of("subjects"), of("both"), first.n_stimuli, first.n_subjects
    )


def _of_what(scores: BootstrapScores) -> str:
    draws = scores.stimuli.shape[-1]
    return f"{draws} draws of {scores.n_stimuli} stimuli and {scores.n_subjects} subjects"
