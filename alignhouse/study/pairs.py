"""The pairs of networks whose explained variance a study partitions."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from alignhouse.warehouse.errors import BadInput, near_names

Pair = tuple[str, str]


def network_pairs(asked: Sequence[Sequence[str]], names: Sequence[str]) -> list[Pair]:
    """Every pair of networks that `asked` names, once, in the order of `asked`; its names are sorted.

    A partition has the parts of both networks, so the order of a pair changes nothing.

    Parameters
    ----------
    asked : two names or globs each; a network that both match is not paired with itself.
    names : the networks of the study.

    Raises
    ------
    BadInput : a name or glob that no network has, or a pair that matches a network and itself only.
    """
    pairs: dict[Pair, None] = {}
    for texts in asked:
        one, other = (_matching(text, names) for text in texts)
        found = [(min(a, b), max(a, b)) for a in one for b in other if a != b]
        if not found:
            raise BadInput(
                f"encoding.pairs: {list(texts)}",
                expected="two networks",
                found=f"{one[0]} beyond itself",
            )
        pairs |= dict.fromkeys(found)
    return list(pairs)


def _matching(text: str, names: Sequence[str]) -> list[str]:
    found = [text] if text in names else [name for name in names if fnmatchcase(name, text)]
    if not found:
        raise BadInput(f"encoding.pairs: no network is called {text!r}", hint=near_names(text, names))
    return found
