"""Matches the stimuli of files from other programs with those of a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from alignhouse.ingest.stimuli.videos import MEDIA_SUFFIXES, stimulus_of
from alignhouse.warehouse.errors import BadInput, near_names, some_names

NAMES_HINT = 'if rows follow the names of the stimuli, say so: networks.conditions = "stimulus_order"'
# Programs also read images that a study cannot show.
_SUFFIXES = (*MEDIA_SUFFIXES, ".tif", ".tiff", ".bmp", ".gif", ".webp")


def identifier(name: str) -> str:
    """The identifier of the stimulus in the file `name`: without folders, and suffix of an image or video."""
    return stimulus_of(PurePosixPath(name.replace("\\", "/")).name, _SUFFIXES)


def places_of(wanted: Sequence[str], names: Sequence[str], label: str) -> np.ndarray:
    """The index in `names` of each wanted stimulus, (n,) int; names may be files, with folder and suffix.

    Raises
    ------
    BadInput : a wanted stimulus is missing (near names are listed), or a name occurs twice.
    """
    known = list(names) if set(wanted) <= set(names) else [identifier(name) for name in names]
    place = {name: index for index, name in enumerate(known)}
    if len(place) < len(known):
        repeated = next(name for index, name in enumerate(known) if place[name] != index)
        raise BadInput(f"stimuli of {label}", expected="different names", found=f"{repeated} more than once")
    missing = [name for name in wanted if name not in place]
    if missing:
        raise BadInput(
            f"stimuli of {label}",
            expected=f"the {len(wanted):,} of the study",
            found=f"{len(known):,}, without {some_names(missing, 4)}",
            hint=near_names(missing[0], known),
        )
    return np.array([place[name] for name in wanted])


def places_in_order(wanted: Sequence[str], n_rows: int, label: str) -> np.ndarray:
    """0 to n - 1, for rows that follow the stimuli, as the user says.

    Raises
    ------
    BadInput : the numbers of rows and stimuli differ.
    """
    if n_rows != len(wanted):
        raise BadInput(f"rows of {label}", expected=f"{len(wanted):,}, one per stimulus", found=f"{n_rows:,}")
    return np.arange(n_rows)
