"""Stored codes in words: "video-k400" is "video action recognition", "random" weights are "untrained"."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from alignhouse.analysis.figures.labels import RESAMPLED, group_label, heading
from alignhouse.analysis.figures.score_names import axis_name
from alignhouse.analysis.figures.word_files import read_words
from alignhouse.analysis.kernels.measure_names import MEASURES

LABELS = Path(__file__).with_name("value_labels.csv")
HEADER = ["column", "value", "label"]
# Columns that hold a group of networks, of the property that `group_by` names or else of the model type.
GROUPS = ("group_a", "group_b", "group_name")


def value_label(column: str, value: str) -> str:
    """A value of a column in words; a value without other words, such as a name, is returned unchanged."""
    if column in ("model_type", "weights"):
        return group_label(value)
    if column == "group_by":
        return heading(value)
    if column == "resampled":
        return RESAMPLED.get(value, value)
    if column in ("measure", "other_measure"):
        return next((axis_name(measure) for measure in MEASURES if measure == value), value)
    if column == "given":
        return ", ".join(value_label("figure", each) for each in value.split(", "))
    return _labels().get((column, value), value)


def value_label_in_row(row: Mapping[str, object], column: str, value: str) -> str:
    """A value in words, where `row` may say what kind of groups it holds."""
    if column in GROUPS:
        return value_label(str(row.get("group_by") or "model_type"), value)
    return value_label(column, value)


@cache
def _labels(path: Path = LABELS) -> dict[tuple[str, str], str]:
    return read_value_labels(path)


def read_value_labels(path: Path) -> dict[tuple[str, str], str]:
    """(column, value) -> label, from a CSV file with HEADER.

    Raises
    ------
    BadInput : another header, an empty field, or a value of a column given twice.
    """
    rows = read_words(path, HEADER, ["column", "value"])
    return {(column, value): row["label"] for (column, value), row in rows.items()}
