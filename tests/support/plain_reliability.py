"""Noise-ceiling SNR and split-half reliability, computed step by step."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr


def ncsnr_plainly(betas: np.ndarray) -> np.ndarray:
    """(n_stimuli, n_repetitions, V) -> (V,)."""
    betas = betas.astype(float)
    noise_variance = np.mean([np.var(each, axis=0, ddof=1) for each in betas], axis=0)
    total = np.var(betas.reshape(-1, betas.shape[2]), axis=0, ddof=1)
    return np.sqrt(np.maximum(total - noise_variance, 0)) / np.sqrt(noise_variance)


def reliability_plainly(betas: np.ndarray) -> float:
    """For each halving: average both halves, make RDMs, correlate; then apply Spearman-Brown."""
    repetitions = betas.shape[1]
    half = repetitions // 2
    correlations = []
    for one in itertools.combinations(range(repetitions), half):
        rest = [each for each in range(repetitions) if each not in one]
        for other in itertools.combinations(rest, half):
            if one < other:
                means = [betas[:, each].astype(float).mean(axis=1) for each in (one, other)]
                correlations.append(spearmanr(*(pdist(each, "correlation") for each in means)).statistic)
    r, k = np.mean(correlations), repetitions / half
    return max(-1.0, float(k * r / (1 + (k - 1) * r)))
