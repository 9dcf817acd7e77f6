"""Sorts identifiers of stimuli, and compares two sets of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from alignhouse.warehouse.errors import BadInput, some_names

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(name: str) -> tuple[tuple[tuple[str, int], ...], str]:
    """Sort key that puts clip_2 before clip_10. Names that differ get different keys."""
    pieces = _DIGITS.split(name)
    pairs = zip(pieces[::2], [*(int(digits) for digits in pieces[1::2]), -1], strict=True)
    return tuple(pairs), name


def match_stimuli(found: Iterable[str], expected: Iterable[str]) -> None:
    """Raise BadInput unless both have the same names, each once, in any order.

    The error shows both counts and lists the first missing and the first unexpected names.
    """
    found, expected = list(found), list(expected)
    for names, what in ((found, "found"), (expected, "expected")):
        repeated = sorted({name for name in names if names.count(name) > 1}, key=natural_key)
        if repeated:
            raise BadInput(
                f"stimuli {what}: {some_names(repeated, 4)} more than once", expected="each name once"
            )
    missing = sorted(set(expected) - set(found), key=natural_key)
    extra = sorted(set(found) - set(expected), key=natural_key)
    if not missing and not extra:
        return
    differences = [
        f"{what} {some_names(names, 4)}"
        for what, names in (("missing", missing), ("unexpected", extra))
        if names
    ]
    raise BadInput(
        "the stimuli are not those of the brain data",
        expected=f"{len(expected):,} names",
        found=f"{len(found):,}: " + "; ".join(differences),
        hint="check the folder and the split",
    )
