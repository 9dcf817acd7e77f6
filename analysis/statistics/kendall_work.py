"""How much computing Kendall's tau-a of a study takes, counted before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

from alignhouse.analysis.kernels.kendall import sign_count
from alignhouse.analysis.kernels.similarity import pair_count

# Making a sign takes as long as this many multiplications (measured).
A_SIGN = 40
# Expected share of signs whose four stimuli are all in a resample, if these are different.
RESAMPLED = (1 - exp(-1)) ** 4
HALVED = 1 / 2**4
# Multiplications a second that a core does, within a factor of two (measured).
A_SECOND = 1e10


def tau_a_work(
    n_layers: int,
    groups: Sequence[tuple[int, Sequence[int]]],
    *,
    permutations: int,
    draws: int,
    halvings: int,
) -> float:
    """Multiplications of signs that all results of Kendall's tau-a in a protocol take, about.

    Parameters
    ----------
    n_layers : of all networks.
    groups : for each set of stimuli that subjects saw, the number of stimuli, and of such subjects in each
        region.
    permutations, draws, halvings : numbers of orders, of resamples, and of random halves.
    """
    total = 0.0
    for n_stimuli, subjects in groups:
        n_regions = len(subjects)
        # Where subjects saw different stimuli, a permutation changes which signs of a layer count.
        nulls = permutations * (n_regions + (A_SIGN if len(groups) > 1 else 0))
        resampled = (RESAMPLED * draws + 2 * HALVED * halvings) * (2 * n_regions + A_SIGN)
        of_layers = n_layers * (nulls + resampled + sum(subjects))
        of_subjects = permutations * sum(count * (count + A_SIGN) for count in subjects)
        alike = n_layers**2 / 2 / len(groups)
        total += sign_count(pair_count(n_stimuli)) * (of_layers + of_subjects + alike)
    return total
