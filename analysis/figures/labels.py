"""Names of groups in figures, and the fixed colour, marker and line type of each group."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

from alignhouse.analysis.figures.word_files import read_words

LABELS = Path(__file__).with_name("group_labels.csv")
# What an interval resamples, in words.
RESAMPLED = {"stimuli": "stimuli", "subjects": "subjects", "both": "stimuli and subjects"}
PROTOCOL = "protocol"  # grouping by protocol shows each network once under every protocol

# Okabe & Ito (2008), "Color Universal Design"; the order keeps its pale yellow and black for last.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
LINE_TYPES = ("solid", "dashed", "dotted", "dashdot")


@dataclass(frozen=True)
class Style:
    """The look of a group: a colour, a line type, and a marker that is distinct in grey print too."""

    colour: str
    marker: str
    line_type: str


@cache
def group_labels(path: Path = LABELS) -> dict[str, str]:
    """The readable name of each model type and kind of weights, from a CSV file with `value` and `label`.

    Raises
    ------
    BadInput : another header, an empty field, or a value given twice.
    """
    return {value: row["label"] for (value,), row in read_words(path, ["value", "label"], ["value"]).items()}


def group_label(value: object) -> str:
    """The readable name of a group ("video-k400": "video action recognition"), or the value itself."""
    if value is None or value == "":
        return "not stated"
    return group_labels().get(str(value), str(value))


def heading(column: str) -> str:
    """A column's name in words: "model_type" is "model type"."""
    return {"arch_type": "architecture", "model_type": "model type"}.get(column, column.replace("_", " "))


def over_others(*resampled: str | None) -> str:
    """What intervals are over, as the end of a phrase: " over other stimuli"; "" if unknown or different."""
    [first, *others] = resampled or [None]
    return f" over other {RESAMPLED[first]}" if first in RESAMPLED and not others else ""


def plain(text: object) -> str:
    """Escape dollar signs, which matplotlib would read as the delimiters of a formula."""
    return str(text).replace("$", r"\$")


def shortened(name: str, most: int) -> str:
    """A name of at most `most` letters; a longer name keeps its beginning and end."""
    if len(name) <= most:
        return name
    tail = (most - 1) // 2
    return f"{name[: most - 1 - tail]}…{name[len(name) - tail :]}"


def whole_name(name: str, room: int) -> str:
    """The name on lines of at most `room` letters, broken behind `_`, `-`, `.`, `/` or `,` where possible."""
    words = re.split(r"(?<=[_\-./, ])", name)
    lines = [""]
    for piece in (part for word in words for part in textwrap.wrap(word, room, drop_whitespace=False)):
        if len(lines[-1]) + len(piece) <= room:
            lines[-1] += piece
        else:
            lines.append(piece)
    return "\n".join(line.rstrip() for line in lines)


def group_styles(labels: Iterable[str]) -> dict[str, Style]:
    """The style of each group, in drawing order: known labels as the file lists them, then others by name.

    A known label has the same style in every figure. The other labels take, in turn, styles that no known
    label of the figure uses.
    """
    wanted = set(labels)
    known = list(dict.fromkeys(group_labels().values()))
    places = {label: index for index, label in enumerate(known) if label in wanted}
    free = (index for index in count() if index not in places.values())
    return {
        label: _style(index)
        for label, index in (places | dict(zip(sorted(wanted - set(known)), free, strict=False))).items()
    }


def _style(index: int) -> Style:
    colours = len(OKABE_ITO)
    return Style(
        colour=OKABE_ITO[index % colours],
        marker=MARKERS[(index + index // colours) % len(MARKERS)],
        line_type=LINE_TYPES[index // colours % len(LINE_TYPES)],
    )
