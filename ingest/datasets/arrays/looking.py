"""Looks at a folder of a lab's own betas: which layout, which options, and what cannot be told."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from alignhouse.ingest.arrays.contents import PICKLES, SUFFIXES, open_content
from alignhouse.ingest.arrays.tables import read_texts
from alignhouse.ingest.betas.reading import MEMORY, BetaFile
from alignhouse.ingest.betas.trials import Trials
from alignhouse.ingest.datasets.arrays.layout import FORMS, Layout, find_array_files, layout_of
from alignhouse.ingest.datasets.arrays.reading import array_of_region
from alignhouse.ingest.datasets.arrays.trials import (
    EVENT_COLUMNS,
    EVENTS,
    LIST_NAMES,
    NOTHING_SHOWN,
    is_trial_file,
    no_trials,
    read_trials,
    trials_in_file,
)
from alignhouse.ingest.datasets.folder import FolderSummary, names_in_line
from alignhouse.ingest.stimuli.videos import stimulus_of
from alignhouse.warehouse.errors import BadInput


@dataclass(frozen=True)
class _Seen:
    """One person's trials, and which axes of the first region's array have as many entries."""

    subject: str
    trials: Trials
    shape: tuple[int, ...]
    axes: tuple[str, ...]


def look_at_arrays(folder: Path, shown: Collection[str]) -> FolderSummary | None:
    """What there is in a folder of betas; None if it holds neither people's folders nor their files.

    Reads names and shapes, but no betas.

    Parameters
    ----------
    shown : names of the stimuli that there are, which tell the column of events.tsv that names them.

    Raises
    ------
    BadInput : it is such a folder, but cannot be read (see `layout_of`), or shapes and names do not fit.
    """
    if not _has_people(folder):
        return None
    layout = layout_of(folder)
    subjects = [each.name for each in layout.people]
    taken = [
        f"layout: {FORMS[layout.form]}",
        names_in_line(subjects, "subjects"),
        names_in_line(layout.regions, "regions"),
    ]
    files = find_array_files(folder, None, layout.regions)  # every person has every region
    firsts = list({file.subject: file for file in reversed(files)}.values())[::-1]
    keys: dict[str, object] = {}
    unknown: list[str] = []
    columns = _columns(firsts)
    if len(columns) > 1:
        named = [name for name, values in columns.items() if shown and set(shown) <= set(values)]
        if len(named) != 1:
            line = (
                f"which column of events.tsv names the stimuli: {' or '.join(columns)}; set stimulus_column"
            )
            return FolderSummary(keys, taken, [line])
        keys["stimulus_column"] = named[0]
        taken.append(f"column of events.tsv: {named[0]}, which has the names of the stimuli's files")
    seen = [_look(file, keys.get("stimulus_column")) for file in firsts]
    taken += [f"stimuli: {len(set(seen[0].trials.stimuli))}, named by {seen[0].trials.source}"]
    for line, found in _axis(layout, seen):
        if found is None:
            unknown.append(line)
        else:
            taken.append(line)
            keys.update({"axis": "columns"} if found == "columns" else {})
    taken += _repetitions(seen, keys)
    taken.append(_sessions(seen))
    taken += _splits(seen, keys)
    stimuli = list(dict.fromkeys(name for each in seen for name in each.trials.stimuli))
    return FolderSummary(keys, taken, unknown, stimuli)


def _has_people(folder: Path) -> bool:
    people = [path for path in folder.iterdir() if path.name.startswith("sub-")]
    suffixes = SUFFIXES + PICKLES
    return any(
        (path.is_file() and path.suffix.lower() in suffixes)
        or (path.is_dir() and any(each.suffix.lower() in suffixes for each in path.iterdir()))
        for path in people
    )


def _columns(files: list[BetaFile]) -> dict[str, list[str]]:
    """The columns of events.tsv that could name the stimuli, with the names in them; {} without events."""
    found: dict[str, list[str]] = {}
    for file in files:
        for path in file.also:
            if path.name.endswith(EVENTS):
                table = read_texts(path)
                for name in EVENT_COLUMNS:
                    names = [stimulus_of(each) for each in table.get(name, []) if each not in NOTHING_SHOWN]
                    found.setdefault(name, []).extend(names)
    return {name: values for name, values in found.items() if values}


def _look(file: BetaFile, column: object) -> _Seen:
    tables = [path for path in file.also if is_trial_file(path)]
    beside = read_trials(tables, None if column is None else str(column))
    with open_content(file.path, LIST_NAMES, MEMORY) as content:
        trials = trials_in_file(content.lists, file.path) or beside
        if trials is None:
            raise no_trials(file.path)
        is_volume = any(not is_trial_file(path) for path in file.also)
        shape = () if is_volume else array_of_region(content, file.part).shape
    n = len(trials.stimuli)
    axes = tuple(name for name, length in zip(("rows", "columns"), shape, strict=False) if length == n)
    return _Seen(file.subject, trials, shape, axes)


def _axis(layout: Layout, seen: list[_Seen]) -> Iterator[tuple[str, str | None]]:
    """(line, axis); the axis is None if it cannot be told."""
    if layout.form == "glmsingle":
        yield "axis: the last one has the trials, as GLMsingle writes them", "rows"
        return
    for each in seen:
        if len(each.shape) != 2 or not each.axes:
            raise BadInput(
                f"betas of {each.subject}",
                expected=f"(rows, voxels), and {len(each.trials.stimuli)} rows, as {each.trials.source} says",
                found=f"shape {each.shape}",
            )
    both = [each for each in seen if len(each.axes) == 2]
    if both:
        yield f"which axis has the stimuli of {both[0].subject}, {both[0].shape}; set brain.axis", None
        return
    axes = {each.axes[0] for each in seen}
    if len(axes) > 1:
        yield "which axis has the stimuli: rows for some people, columns for others; save all alike", None
        return
    yield f"axis: {next(iter(axes))} are trials (shape {seen[0].shape} in {seen[0].subject})", axes.pop()


def _repetitions(seen: list[_Seen], keys: dict[str, object]) -> Iterator[str]:
    found = [
        (each.subject, {len(rows) for rows in each.trials.rows(split).values()})
        for each in seen
        for split in dict.fromkeys(each.trials.splits)
    ]
    counts = set[int]().union(*(of_split for _, of_split in found))
    uneven = [subject for subject, of_split in found if len(of_split) > 1]
    words = f"{min(counts)}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
    if not uneven:
        yield f"repetitions: {words} of each stimulus"
        return
    keys["repetitions"] = "mean"
    yield (
        f"repetitions: {words}, which differ between stimuli ({uneven[0]}): they are averaged; "
        'repetitions = "first" keeps as many of each as the rarest stimulus has, and so its reliability'
    )


def _sessions(seen: list[_Seen]) -> str:
    sessions = seen[0].trials.sessions
    if sessions is None:
        return "sessions: not named"
    return f'sessions: {len(set(sessions))} in {seen[0].subject}; zscore = "session" would scale within them'


def _splits(seen: list[_Seen], keys: dict[str, object]) -> Iterator[str]:
    splits = sorted({split for each in seen for split in each.trials.splits})
    if splits == ["train"]:
        keys["split"] = "train"
    if splits != ["test"]:
        yield f"splits: {' and '.join(splits)}; the study uses {keys.get('split', 'test')}"
