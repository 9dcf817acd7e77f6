"""What a score is called in sentences and on axes, by the measure of its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alignhouse.analysis.kernels.measure_names import SPEARMAN, Measure

OF_ENCODING = "-encoding"  # ends the names of voxel encodings
# Measure -> its name in a sentence, and on an axis.
_NAMES: Mapping[Measure, tuple[str, str]] = {
    "spearman": ("rho", "Spearman rho"),
    "rho_a": ("rho-a", "rho-a"),
    "pearson": ("r", "Pearson r"),
    "cosine": ("cosine", "cosine"),
    "whitened_cosine": ("whitened cosine", "whitened cosine"),
    "whitened_correlation": ("whitened correlation", "whitened correlation"),
    "cka": ("CKA", "CKA"),
    "cka_debiased": ("debiased CKA", "debiased CKA"),
    "kendall_tau_a": ("tau-a", "Kendall's tau-a"),
}
SCORE, AXIS = _NAMES[SPEARMAN]


def score_name(measure: Measure) -> str:
    """The name of a score in a sentence: "rho" for Spearman's."""
    return _NAMES[measure][0]


def axis_name(measure: Measure) -> str:
    """The name of a score on an axis."""
    return _NAMES[measure][1]


def protocol_measure(protocol: Mapping[str, Any]) -> Measure:
    """The measure of a protocol, from its settings; protocols of older versions name none."""
    analysis = protocol.get("analysis")
    found: Measure = (analysis or {}).get("measure", SPEARMAN)
    return found


def encoding_of(protocol: str) -> str:
    """The name of the voxel encoding with the features of a protocol: `sound-encoding`, also of itself."""
    return f"{protocol.removesuffix(OF_ENCODING)}{OF_ENCODING}"


def encoded_protocol(encoding: str) -> str:
    """The protocol whose features a voxel encoding uses: `sound` of `sound-encoding`."""
    return encoding.removesuffix(OF_ENCODING)


def voxel_score_name(*, is_normalised: bool) -> str:
    """The name of the score of a voxel encoding."""
    return "normalised r" if is_normalised else "r"
