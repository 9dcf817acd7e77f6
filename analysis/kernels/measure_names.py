"""The measures of similarity, by name. Importing this module loads no numerical library."""

from __future__ import annotations

from typing import Literal, get_args

Measure = Literal[
    "spearman",
    "rho_a",
    "pearson",
    "cosine",
    "whitened_cosine",
    "whitened_correlation",
    "cka",
    "cka_debiased",
    "kendall_tau_a",
]
MEASURES: tuple[Measure, ...] = get_args(Measure)
# The measure of the protocols that ship.
SPEARMAN: Measure = "spearman"
# They depend on the order of the dissimilarities alone.
RANK_MEASURES = frozenset({"spearman", "rho_a", "kendall_tau_a"})
# Their vectors hold the sign of the difference of every two dissimilarities. Such a vector is too long to be
# kept, so ranks stand for it, and its entries are made in blocks (see `kendall`).
SIGN_MEASURES = frozenset({"kendall_tau_a"})
# Their vectors are inner products of all conditions, those with themselves included.
GRAM_MEASURES = frozenset({"whitened_cosine", "whitened_correlation", "cka"})
# They align inner products, which RDMs of squared Euclidean distances hold.
KERNEL_MEASURES = frozenset({"cka", "cka_debiased"})
