"""The measures of similarity, by name. Importing this module loads no numerical library."""

from __future__ import annotations

from typing import Literal, get_args

VectorMeasure = Literal[
    "spearman",
    "rho_a",
    "pearson",
    "cosine",
    "whitened_cosine",
    "whitened_correlation",
    "cka",
    "cka_debiased",
]
Measure = Literal[VectorMeasure, "kendall_tau_a"]
MEASURES: tuple[VectorMeasure, ...] = get_args(VectorMeasure)
RANK_MEASURES = frozenset({"spearman", "rho_a"})
# Their vectors are inner products of all conditions, those with themselves included.
GRAM_MEASURES = frozenset({"whitened_cosine", "whitened_correlation", "cka"})
# They align inner products, which RDMs of squared Euclidean distances hold.
KERNEL_MEASURES = frozenset({"cka", "cka_debiased"})
