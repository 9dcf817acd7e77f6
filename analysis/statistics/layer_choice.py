"""Choose a network's best layer on some stimuli and score it on others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.devices import Precision
from alignhouse.analysis.kernels.measure_names import Measure
from alignhouse.analysis.kernels.similarity import (
    DEFAULT_MEMORY,
    FEWEST_CONDITIONS,
    FloatArray,
    condition_count,
)
from alignhouse.analysis.kernels.threads import Tick, untold
from alignhouse.analysis.statistics.bootstrap import HALVES
from alignhouse.analysis.statistics.resampling import resampled_scores
from alignhouse.analysis.statistics.seen import Seen, check_seen, sets_of
from alignhouse.warehouse.errors import BadInput

ChosenOn = Literal["train", "halves"]
# Scores (L, C) on the choosing stimuli and (L, C) on the scoring stimuli, for C choices.
ChoosingAndScoring = tuple[NDArray[Any], NDArray[Any]]
# With few stimuli layers can tie. Rounding must not decide between them, or the choice would depend on the
# precision and the number of threads.
TIE_TOLERANCE = 1e-6
FEWEST_STIMULI_OF_HALVES = 2 * FEWEST_CONDITIONS


@dataclass(frozen=True)
class LayerChoice:
    """One network's choice of layer in one region.

    Attributes
    ----------
    chosen_on : "train" (other stimuli of the data set) or "halves" (random halves, each way).
    score : mean over choices of R, the mean rho over subjects, of the chosen layer on the stimuli that were
        not used to choose it.
    votes : (L,), share of the choices that each layer won; they sum to 1.
    layer : index of the layer with most votes; the first one if several are equal.
    choices : number of choices: 1 on train, 2 for each halving.
    """

    chosen_on: ChosenOn
    score: float
    votes: FloatArray
    layer: int
    choices: int


def random_halves(
    n: int, halvings: int, seed: int, seen: NDArray[np.bool_] | None = None
) -> NDArray[np.int32]:
    """`halvings` random splits of n stimuli in two halves: (2 * halvings, n) int32 of 0 and 1.

    Rows 2h and 2h + 1 are the two halves of split h: floor(n / 2) stimuli, and the others. They depend only
    on n, seed and h, unless `seen` (G, n) is given, the stimuli of G kinds of subjects: then splits in which
    a half has fewer than 4 of the stimuli of a kind are drawn again. Raises BadInput if a half would have
    fewer than 4 stimuli, and as `seen.check_seen` does.
    """
    for what, least, found in (
        ("stimuli", FEWEST_STIMULI_OF_HALVES, n),
        ("halvings", 1, halvings),
        ("seed", 0, seed),
    ):
        if found < least:
            raise BadInput(f"layer chosen on halves: {what}", expected=f"at least {least}", found=found)
    if seen is not None:
        check_seen(seen)
    source = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(HALVES,)))
    first = np.zeros((halvings, n), np.int32)
    done = 0
    while done < halvings:
        count = halvings - done
        places = np.argsort(source.random_raw(count * n).reshape(count, n), axis=1, kind="stable")
        drawn = np.zeros((count, n), np.int32)
        np.put_along_axis(drawn, places[:, : n // 2], 1, axis=1)
        if seen is not None:
            sizes = drawn @ seen.T
            drawn = drawn[(np.minimum(sizes, seen.sum(axis=1) - sizes) >= FEWEST_CONDITIONS).all(axis=1)]
        first[done : done + len(drawn)] = drawn
        done += len(drawn)
    return np.stack([first, 1 - first], axis=1).reshape(2 * halvings, n)


def scores_on_halves(
    models: ArrayLike,
    brain: Mapping[str, ArrayLike],
    *,
    halvings: int,
    seed: int,
    measure: Measure = "spearman",
    seen: Seen | None = None,
    precision: Precision = "float64",
    memory: int = DEFAULT_MEMORY,
    layer_names: Sequence[str] | None = None,
    tick: Tick = untold,
) -> dict[str, ChoosingAndScoring]:
    """Region -> R of each layer on each half of the stimuli, and on the other half.

    Halves have half of the stimuli, so the score of a choice is unbiased for layers chosen on halves, and a
    little below the best layer's true score. Rows of `models` (L, P) may belong to several networks; `brain`
    is region -> (S, P), `seen` region -> (S, n), the stimuli that each subject saw (None: all). The RDM of a
    half is a sub-matrix, compared on its own by `measure`. `tick` is called as halves are done. Raises
    BadInput as `resampled_scores` does, and for fewer than 8 stimuli.
    """
    halves = random_halves(_n_stimuli(models), halvings, seed, sets_of(seen))
    scores = resampled_scores(
        models,
        brain,
        halves,
        measure=measure,
        seen=seen,
        precision=precision,
        memory=memory,
        layer_names=layer_names,
        tick=tick,
    )
    return {roi: (each.all_subjects, _other_half(each.all_subjects)) for roi, each in scores.items()}


def scores_on_train(
    models: ArrayLike,
    brain: Mapping[str, ArrayLike],
    is_train: ArrayLike,
    *,
    measure: Measure = "spearman",
    seen: Seen | None = None,
    precision: Precision = "float64",
    memory: int = DEFAULT_MEMORY,
    layer_names: Sequence[str] | None = None,
) -> dict[str, ChoosingAndScoring]:
    """Region -> R of each layer on the training stimuli, and on the others.

    `is_train` is (n,) bool, `seen` as in `scores_on_halves`. The RDM of each part is a sub-matrix of `models`
    (L, P) and `brain`, region -> (S, P), compared on its own. Raises BadInput as `resampled_scores` does, and
    if a part has fewer than 4 stimuli, or fewer than 4 that a subject saw.
    """
    train = np.asarray(is_train, dtype=bool)
    if train.shape != (_n_stimuli(models),):
        raise BadInput(
            "training stimuli", expected=f"{_n_stimuli(models)} of true or false", found=train.shape
        )
    for name, count in (("training", int(train.sum())), ("other", int((~train).sum()))):
        if count < FEWEST_CONDITIONS:
            raise BadInput(
                f"layer chosen on train: {name} stimuli",
                expected=f"at least {FEWEST_CONDITIONS}",
                found=count,
            )
    parts = np.stack([train, ~train]).astype(np.int32)
    for roi, each in (seen or {}).items():
        for saw in each:
            if min(np.count_nonzero(saw & train), np.count_nonzero(saw & ~train)) < FEWEST_CONDITIONS:
                raise BadInput(
                    f"layer chosen on train: stimuli of a subject of region {roi}",
                    expected=f"at least {FEWEST_CONDITIONS} of training, and as many others",
                    found=f"{np.count_nonzero(saw & train)} and {np.count_nonzero(saw & ~train)}",
                )
    scores = resampled_scores(
        models,
        brain,
        parts,
        measure=measure,
        seen=seen,
        precision=precision,
        memory=memory,
        layer_names=layer_names,
    )
    return {roi: (each.all_subjects[:, :1], each.all_subjects[:, 1:]) for roi, each in scores.items()}


def choice_from_scores(choosing: ArrayLike, scoring: ArrayLike, chosen_on: ChosenOn) -> LayerChoice:
    """The layer choice, from scores (L, C) on the choosing stimuli and (L, C) on the scoring stimuli.

    If layers tie (within `TIE_TOLERANCE`), the first is chosen. Raises BadInput for wrong shapes and NaN.
    """
    first, second = np.asarray(choosing, dtype=np.float64), np.asarray(scoring, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 2 or first.size == 0:
        raise BadInput(
            "choice of a layer",
            expected="two tables (layers, choices)",
            found=f"{first.shape}, {second.shape}",
        )
    if np.isnan(first).any() or np.isnan(second).any():
        raise BadInput("choice of a layer", expected="numbers", found="NaN")
    n_layers, choices = first.shape
    chosen = (first >= first.max(axis=0) - TIE_TOLERANCE).argmax(axis=0)
    votes = np.bincount(chosen, minlength=n_layers) / choices
    score = float(second[chosen, np.arange(choices)].mean())
    return LayerChoice(chosen_on, score, votes, int(votes.argmax()), choices)


def _other_half(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Scores (L, 2H) of halves, with the two halves of each split swapped."""
    return scores.reshape(len(scores), -1, 2)[:, :, ::-1].reshape(scores.shape)


def _n_stimuli(models: ArrayLike) -> int:
    rows = np.asarray(models)
    if rows.ndim != 2:
        raise BadInput("RDMs of layers", expected="(layers, pairs)", found=f"shape {rows.shape}")
    return condition_count(rows.shape[1])
