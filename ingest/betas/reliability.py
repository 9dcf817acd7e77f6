"""The reliability of betas, from the repetitions of each stimulus."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from alignhouse.ingest.rdm import ReadRows, gram_in_parts
from alignhouse.warehouse.errors import BadInput

# Ten repetitions have 126 halvings.
MOST_HALVINGS = 126


def ncsnr(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Noise-ceiling signal-to-noise ratio of each voxel, (V,) float64 (Allen et al. 2022; GLMsingle).

    The noise variance is the mean over stimuli of the variance over repetitions (ddof 1). The signal variance
    is the variance of all responses (ddof 1) minus the noise variance, at least 0. The ratio is of the square
    roots. (GLMsingle z-scores all responses, so their variance is 1 there.) It is infinite if stimuli differ
    but repetitions do not, and 0 for a voxel that never changes.

    Parameters
    ----------
    blocks : betas, first stimulus to last, each (n_stimuli, n_repetitions, V). The number of repetitions may
        differ between blocks.

    Raises
    ------
    BadInput : a stimulus has only one repetition.
    """
    noise: np.ndarray | float = 0.0
    mean: np.ndarray | float = 0.0
    squares: np.ndarray | float = 0.0
    n_stimuli = n_responses = 0
    for block in blocks:
        k, repetitions, n_voxels = block.shape
        if repetitions < 2:
            raise BadInput(
                "noise from repetitions", expected="at least 2 of each stimulus", found=repetitions
            )
        betas = block.astype(np.float64)
        noise = noise + betas.var(axis=1, ddof=1).sum(axis=0)
        responses = betas.reshape(-1, n_voxels)
        # Merge means and sums of squares block by block (Chan et al. 1983).
        of_block = responses.mean(axis=0)
        difference, n_both = of_block - mean, n_responses + len(responses)
        squares = squares + ((responses - of_block) ** 2).sum(axis=0)
        squares = squares + difference**2 * n_responses * len(responses) / n_both
        mean = mean + difference * len(responses) / n_both
        n_stimuli, n_responses = n_stimuli + k, n_both
    noise_variance = np.asarray(noise) / n_stimuli
    total_variance = np.asarray(squares) / (n_responses - 1)
    signal_sd = np.sqrt(np.maximum(total_variance - noise_variance, 0))
    noise_sd = np.sqrt(noise_variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(signal_sd > 0, signal_sd / noise_sd, 0.0)


def rdm_reliability(gram: np.ndarray, repetitions: int) -> float:
    """Split-half reliability of the RDM of patterns averaged over R repetitions.

    r is the Spearman correlation of the RDMs of two disjoint halves (R // 2 repetitions each), averaged over
    all halvings, or over MOST_HALVINGS of them, drawn with a fixed seed. The result is r after the
    Spearman-Brown correction to R repetitions: k r / (1 + (k - 1) r), k = R / (R // 2). It is -1 for r at or
    below -1 / (k - 1), where the formula is undefined.

    Parameters
    ----------
    gram : inner products of all responses, each centred over voxels, (n R, n R); the repetitions of a
        stimulus are adjacent. See `gram_of_responses`.

    Raises
    ------
    BadInput : fewer than 2 repetitions or 3 stimuli, or the pattern of a half is constant.
    """
    n = len(gram) // repetitions
    if repetitions < 2 or n < 3 or gram.shape != (n * repetitions, n * repetitions):
        raise BadInput(
            "reliability of an RDM",
            expected="at least 3 stimuli of 2 repetitions",
            found=f"{n} of {repetitions}",
        )
    first, second = halvings(repetitions)
    halves = np.unique(np.concatenate([first, second]), axis=0)
    ranks = _ranks(_rdms_of_halves(gram.reshape(n, repetitions, n, repetitions), halves))
    place = {half.tobytes(): index for index, half in enumerate(halves)}
    correlations = [
        float(ranks[place[a.tobytes()]] @ ranks[place[b.tobytes()]])
        for a, b in zip(first, second, strict=True)
    ]
    return spearman_brown(float(np.mean(correlations)), repetitions / (repetitions // 2))


def spearman_brown(r: float, factor: float) -> float:
    """Reliability of a measurement `factor` times as long, given that of one (Spearman 1910; Brown 1910)."""
    denominator = 1 + (factor - 1) * r
    return max(-1.0, factor * r / denominator) if denominator > 0 else -1.0


def halvings(repetitions: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct pairs of disjoint halves of the repetitions, two arrays (n_halvings, R) of bool."""
    half = repetitions // 2
    everything = range(repetitions)
    count = math.comb(repetitions, half) * math.comb(repetitions - half, half) // 2
    pairs: list[tuple[tuple[int, ...], tuple[int, ...]]] = []
    if count <= MOST_HALVINGS:
        for chosen in itertools.combinations(everything, half):
            rest = [each for each in everything if each not in chosen]
            pairs += [(chosen, other) for other in itertools.combinations(rest, half) if chosen < other]
    else:
        rng = np.random.default_rng(0)
        drawn: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
        while len(drawn) < MOST_HALVINGS:
            order = rng.permutation(repetitions).tolist()
            one, other = tuple(sorted(order[:half])), tuple(sorted(order[half : 2 * half]))
            drawn.add((min(one, other), max(one, other)))
        pairs = sorted(drawn)
    return _as_masks([a for a, _ in pairs], repetitions), _as_masks([b for _, b in pairs], repetitions)


def gram_of_responses(read: ReadRows, n_rows: int, rows_at_once: int) -> np.ndarray:
    """Inner products of all responses over voxels, each response centred over its voxels, (n_rows, n_rows).

    Parameters
    ----------
    read : (start, stop) -> responses (stop - start, V); the repetitions of a stimulus are adjacent.
    rows_at_once : at most twice as many responses are in memory.
    """

    def centred(start: int, stop: int) -> np.ndarray:
        responses = read(start, stop).astype(np.float64)
        return responses - responses.mean(axis=1, keepdims=True)

    return gram_in_parts(centred, n_rows, rows_at_once)


def _as_masks(chosen: Sequence[Sequence[int]], repetitions: int) -> np.ndarray:
    masks = np.zeros((len(chosen), repetitions), dtype=bool)
    for mask, each in zip(masks, chosen, strict=True):
        mask[list(each)] = True
    return masks


def _rdms_of_halves(gram: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """1 - Pearson of patterns averaged over each half: (n_halves, P) from (n, R, n, R) and (n_halves, R)."""
    n, repetitions = gram.shape[:2]
    weights = (halves[:, :, None] & halves[:, None, :]).reshape(len(halves), -1).astype(np.float64)
    stimulus = np.arange(n)
    rows, columns = np.triu_indices(n, k=1)
    # The inner product of two averaged patterns is a sum over pairs of repetitions; constant factors cancel.
    squares = gram[stimulus, :, stimulus, :].reshape(n, repetitions**2) @ weights.T
    bad = np.argwhere(squares <= 0)
    if len(bad):
        raise BadInput(
            f"responses to stimulus {bad[0][0] + 1} of {n}",
            expected="values that differ over voxels",
            found="the same value everywhere",
        )
    products = gram[rows, :, columns, :].reshape(len(rows), repetitions**2) @ weights.T
    return (1 - products / np.sqrt(squares[rows] * squares[columns])).T


def _ranks(rdms: np.ndarray) -> np.ndarray:
    """Ranks of each RDM (ties averaged), centred, of unit length: their inner products are Spearman's rho."""
    # scipy.stats ranks too, but takes a second to load; polars is loaded anyway.
    ranks = pl.from_numpy(rdms, orient="col").select(pl.all().rank("average")).to_numpy().T
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    return ranks / np.linalg.norm(ranks, axis=1, keepdims=True)
