"""A test of a noise ceiling: do the subjects of a region agree more than by chance?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.kendall import ENOUGH_COLUMNS, tau_a_within
from alignhouse.analysis.kernels.measure_names import SIGN_MEASURES, Measure
from alignhouse.analysis.kernels.measures import prepared
from alignhouse.analysis.kernels.similarity import DEFAULT_MEMORY, FloatArray, condition_count
from alignhouse.analysis.kernels.threads import Tick, in_threads, slices, untold
from alignhouse.analysis.statistics.permutation import p_value_greater, permuted_entries
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput

# Permutations that share one call of each numpy function; more are not faster.
MOST_PERMUTATIONS_A_BLOCK = 64
# The stream of random numbers of the seed; bootstraps use others.
ORDERS_OF_SUBJECTS = 4


def agreement(ranks: NDArray[Any], measure: Measure = "spearman") -> FloatArray:
    """How far subjects agree: mean over subjects of the correlation with the mean of the others, (...).

    `ranks` are (..., S, M) unit vectors of a measure, S at least 2. This is the lower noise ceiling with
    average "rank" and combine "mean"; only the mean of others' ranks is not ranked again.
    """
    return agreement_of_products(_products(ranks, measure))


def agreement_of_products(products: FloatArray) -> FloatArray:
    """`agreement` from the products of subjects' unit vectors, (..., S, S), which is all that it needs.

    With g_st the product of subjects s and t, and t, u over the subjects other than s,
    r_s = sum_t g_st / sqrt(sum_t sum_u g_tu). For Kendall's tau-a, these are products of signs of ranks.
    """
    with_others = products.sum(axis=-1) - np.diagonal(products, axis1=-2, axis2=-1)
    of_all = products.sum(axis=(-1, -2))[..., None]
    own = np.diagonal(products, axis1=-2, axis2=-1)
    # Rounding may make the square of a very short mean negative; then no correlation is known.
    length = np.sqrt(np.maximum(of_all - 2 * with_others - own, np.finfo(np.float32).tiny))
    return np.asarray(np.clip(with_others / length, -1, 1).mean(axis=-1))


def agreement_tests(
    brain: Mapping[str, ArrayLike],
    *,
    permutations: int,
    seed: int,
    measure: Measure = "spearman",
    memory: int = DEFAULT_MEMORY,
    names: Mapping[str, Sequence[str]] | None = None,
    tick: Tick = untold,
) -> dict[str, float]:
    """p that the subjects of a region agree as far as they do although their RDMs are unrelated: region -> p.

    Under the null, the stimuli of each subject are in an order of their own: each RDM's rows and columns are
    permuted together, independently of the other subjects (Kriegeskorte et al. 2008). The test is one-sided,
    with p = (1 + count) / (1 + K) (Phipson & Smyth 2010), in every protocol. All regions get the same orders.

    Parameters
    ----------
    brain : region -> (S, P), one condensed RDM a subject, S at least 2; S may differ between regions.
    permutations, seed : number of random orders of each subject, and their seed.
    measure : see `measures.similarity`.
    memory : bytes for working buffers, in addition to eight bytes for each value of `brain`. One permutation
        takes 28 bytes for each subject and pair, whatever the limit (with Kendall's tau-a, 40 and more).
    names : region -> (S), names of the rows for errors. tick : called as permutations are done.

    Raises BadInput for a single subject, no permutations, a negative seed, and as `measures.prepared` does.
    """
    if permutations < 1 or seed < 0:
        raise BadInput(
            "test of subjects' agreement",
            expected="at least 1 permutation and a seed of at least 0",
            found=f"{permutations} permutations, seed {seed}",
        )
    ranks: dict[str, NDArray[np.float32]] = {}
    n_stimuli = 0
    for roi, each in brain.items():
        rdms = np.asarray(each)
        if len(rdms) < 2:
            raise BadInput(f"agreement of the subjects of {roi}", expected="at least 2 subjects", found=1)
        ranks[roi] = prepared(rdms, measure, names[roi] if names else None).unit().astype(np.float32)
        n_stimuli = condition_count(rdms.shape[1])
    if not ranks:
        return {}
    nulls = _nulls(ranks, measure, n_stimuli, permutations, seed, memory, tick)
    return {roi: float(p_value_greater(agreement(each, measure), nulls[roi])) for roi, each in ranks.items()}


def _products(vectors: NDArray[Any], measure: Measure) -> FloatArray:
    """Products of every two of S subjects' vectors (..., S, M), or of their signs: (..., S, S)."""
    if measure in SIGN_MEASURES:
        return tau_a_within(vectors)
    return np.asarray(np.matmul(vectors, np.swapaxes(vectors, -1, -2)), np.float64)


def _nulls(
    ranks: Mapping[str, NDArray[np.float32]],
    measure: Measure,
    n_stimuli: int,
    permutations: int,
    seed: int,
    memory: int,
    tick: Tick,
) -> dict[str, FloatArray]:
    """The agreement of each region (S, M) under each permutation: region -> (K,)."""
    n_entries = next(iter(ranks.values())).shape[1]
    most_subjects = max(len(each) for each in ranks.values())
    orders = OrdersOfSubjects(most_subjects, n_stimuli, seed)
    # The index of the pairs, two steps towards it, and the permuted ranks.
    a_permutation = most_subjects * n_entries * (3 * 8 + 4)
    if measure in SIGN_MEASURES:
        a_permutation += most_subjects * max(n_entries, ENOUGH_COLUMNS) * 3 * 4
    threads = min(cores(), max(1, memory // a_permutation))
    a_block = min(MOST_PERMUTATIONS_A_BLOCK, max(1, memory // a_permutation // threads))
    nulls = {roi: np.empty(permutations) for roi in ranks}
    for wave in slices(permutations, a_block * threads):
        drawn = orders.draw(wave.stop - wave.start)

        def permute(block: slice, wave: slice = wave, drawn: NDArray[np.intp] = drawn) -> None:
            some = drawn[block]
            index = permuted_entries(some.reshape(-1, n_stimuli), n_entries)
            index = index.reshape(*some.shape[:2], n_entries)
            place = slice(wave.start + block.start, wave.start + block.stop)
            for roi, each in ranks.items():
                moved = np.take_along_axis(each[None], index[:, : len(each)], axis=2)
                nulls[roi][place] = agreement(moved, measure)

        def told(done: int, total: int, wave: slice = wave) -> None:
            tick(min(wave.start + done * a_block, wave.stop), permutations)

        in_threads(permute, slices(len(drawn), a_block), told)
    return nulls


class OrdersOfSubjects:
    """Random orders of the stimuli for each subject; the first k are the same for every number of them."""

    def __init__(self, n_subjects: int, n_stimuli: int, seed: int) -> None:
        self._shape = (n_subjects, n_stimuli)
        self._source = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(ORDERS_OF_SUBJECTS,)))

    def draw(self, count: int) -> NDArray[np.intp]:
        """The next `count` orders of every subject: (count, S, n)."""
        n_subjects, n_stimuli = self._shape
        draws = self._source.random_raw(count * n_subjects * n_stimuli).reshape(count, *self._shape)
        return np.argsort(draws, axis=2, kind="stable").astype(np.intp, copy=False)
