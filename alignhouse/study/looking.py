"""Looks at a folder of brain data and of stimuli, for the study file that `alignhouse init --from` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignhouse.ingest.datasets.dataset import data_set, known_kinds
from alignhouse.ingest.datasets.folder import FolderSummary
from alignhouse.ingest.stimuli.videos import MEDIA_SUFFIXES
from alignhouse.warehouse.errors import BadInput, near_names, some_names

# Usual names of folders of stimuli, in the folder of the brain data or beside it.
_USUAL_FOLDERS = ("stimuli", "stimulus_set", "images", "videos", "clips", "pictures")


@dataclass(frozen=True)
class Looked:
    """What was found. values : (section, key) -> value, for the study file. taken, unknown : lines to say."""

    values: Mapping[tuple[str, str], Any]
    taken: Sequence[str]
    unknown: Sequence[str]


def look_at(folder: Path, stimuli: Path | None = None) -> Looked:
    """Find the kind of data set in a folder, its keys of the study file, and its stimuli.

    Parameters
    ----------
    stimuli : their folder; None to look for one in `folder` and beside it.

    Raises
    ------
    BadInput : a folder is missing, no kind of data set is in it, several could be, or it cannot be read.
    """
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}", expected="brain data")
    if stimuli is not None and not _names_in(stimuli):
        raise BadInput(f"no stimuli in {stimuli}", expected="videos (mp4, ...) or images (jpg, png)")
    places = _places(folder) if stimuli is None else [stimuli]
    shown = _names_in(places[0]) if len(places) == 1 else []
    kind, summary = _kind_of(folder, shown)
    values: dict[tuple[str, str], Any] = {
        ("brain", "kind"): kind,
        ("brain", "path"): str(folder.resolve()),
        ("brain", "dataset"): folder.resolve().name,
        **{("brain", key): value for key, value in summary.keys.items()},
    }
    taken = [f"kind: {kind} ({data_set(kind).title})", *summary.taken]
    unknown = list(summary.unknown)
    if len(places) == 1:
        values["stimuli", "path"] = str(places[0].resolve())
        line, is_known = _compared(shown, summary.stimuli, places[0])
        (taken if is_known else unknown).append(line)
    else:
        found = f"{some_names(map(str, places), 4)} all have some" if places else "none is in it or beside it"
        unknown.append(f"the folder of the stimuli: {found}; set stimuli.path, or use --stimuli")
    return Looked(values, taken, unknown)


def _kind_of(folder: Path, shown: Sequence[str]) -> tuple[str, FolderSummary]:
    found: dict[str, FolderSummary] = {}
    refused: list[BadInput] = []
    for kind in known_kinds():
        try:
            summary = data_set(kind).look(folder, shown)
        except BadInput as error:  # it is of this kind but damaged, unless another kind reads it
            refused.append(error)
            continue
        if summary is not None:
            found[kind] = summary
    if not found and refused:
        raise refused[0]
    if len(found) != 1:
        titles = "; ".join(f"{kind}: {data_set(kind).title}" for kind in found or known_kinds())
        inside = some_names(sorted(each.name for each in folder.iterdir()), 4) or "nothing"
        raise BadInput(
            f"{folder} could be of several kinds" if found else f"{folder} has no brain data of a known kind",
            expected="one of them" if found else titles,
            found=titles if found else inside,
            hint="docs/own_data.md shows how to arrange betas of your own",
        )
    return next(iter(found.items()))


def _places(folder: Path) -> list[Path]:
    """The usual folders of stimuli in a folder; if there are none, those beside it."""
    for place in (folder, folder.resolve().parent):
        if near := [place / name for name in _USUAL_FOLDERS if _names_in(place / name)]:
            return near
    return []


def _names_in(folder: Path) -> list[str]:
    """The names of the videos and images in a folder and below it."""
    files = folder.rglob("*") if folder.is_dir() else ()
    return [each.stem for each in files if each.suffix.lower() in MEDIA_SUFFIXES]


def _compared(shown: Sequence[str], named: Sequence[str], place: Path) -> tuple[str, bool]:
    """A line about the stimuli of a folder and those that the brain data name, and whether they fit."""
    if not named:
        return f"stimuli.path: {place} ({len(shown)} files)", True
    missing = [name for name in shown if name not in set(named)]
    if not missing:
        spare = len(set(named) - set(shown))
        more = f"; those of {spare} more stimuli are not used" if spare else ""
        return f"stimuli.path: {place}, and all {len(shown)} files have brain data{more}", True
    return (
        f"what {some_names(missing, 4)} in {place} is: {len(missing)} of {len(shown)} files have no brain "
        f"data ({near_names(missing[0], named)})"
    ), False
