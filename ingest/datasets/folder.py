"""What a folder of brain data is taken for, to write a study file from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FolderSummary:
    """What a data set found in a folder.

    keys : keys of `[brain]` with their values, for what is not at its default.
    taken : what was taken for what, a line each. unknown : what could not be told, a line each.
    stimuli : the names of the stimuli that the brain data name; () if they name none.
    """

    keys: Mapping[str, object]
    taken: Sequence[str]
    unknown: Sequence[str] = ()
    stimuli: Sequence[str] = ()


def names_in_line(names: Sequence[str], what: str, most: int = 12) -> str:
    """Names in a line: "regions: 3 (V1, V2, IT)", with the first ones and the last if there are many."""
    if not names:
        return f"{what}: none"
    listed = ", ".join(names) if len(names) <= most else f"{', '.join(names[:3])}, ..., {names[-1]}"
    return f"{what}: {len(names)} ({listed})"
