"""Which stimulus each row of betas is a response to: stimuli.csv, events.tsv of BIDS, or names in the file.

A name that is a file of an image or a video stands for its stimulus: "images/cat.png" is cat.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alignhouse.ingest.arrays.limits import named_once
from alignhouse.ingest.arrays.tables import read_texts
from alignhouse.ingest.betas.trials import Trials
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.ingest.stimuli.videos import stimulus_of
from alignhouse.warehouse.errors import BadInput

STIMULI_FILE, EVENTS = "stimuli.csv", "events.tsv"
SPLITS, DEFAULT_SPLIT = ("train", "test"), "test"
STIMULUS, SPLIT, SESSION = "stimulus", "split", "session"
STIMULUS_LISTS = ("stimuli", "stimulus", "conditions", "condition_names", "stimulus_names")
LIST_NAMES = (*STIMULUS_LISTS, SPLIT, "splits", SESSION, "sessions")
"""Arrays, variables or columns of these names are no betas."""
EVENT_COLUMNS = ("stimulus", "stim_file", "trial_type")
NOTHING_SHOWN = ("n/a", "")
_SESSION_OF_FILE = re.compile(r"ses-[A-Za-z0-9]+")


def trial_files(root: Path, subject: str, folder: Path | None) -> tuple[Path, ...]:
    """The files that name the trials of a person, () if there are none.

    The first of these that exist: stimuli.csv in the person's folder, events.tsv in it or below it,
    stimuli.csv in the root (or SUBJECT_stimuli.csv), SUBJECT_*events.tsv or events.tsv in the root.

    Parameters
    ----------
    folder : of the person; None if there is none.
    """
    own = [] if folder is None else [[folder / STIMULI_FILE], _events(folder.rglob(f"*{EVENTS}"))]
    shared = [
        [root / f"{subject}_{STIMULI_FILE}"],
        _events(root.glob(f"{subject}_*{EVENTS}")),
        [root / STIMULI_FILE],
        [root / EVENTS],
    ]
    for files in [*own, *shared]:
        if present := tuple(path for path in files if path.is_file()):
            return present
    return ()


def is_trial_file(path: Path) -> bool:
    """Whether a file names trials, by its name."""
    return path.name.endswith((STIMULI_FILE, EVENTS))


def read_trials(files: Sequence[Path], column: str | None) -> Trials | None:
    """The trials that files name, one after the other; None if there are no files.

    Parameters
    ----------
    column : of events.tsv that names the stimulus; None for the only one of the usual columns.

    Raises
    ------
    BadInput : a file is damaged or names no stimuli, or several columns could name them.
    """
    if not files:
        return None
    if files[0].name.endswith(EVENTS):
        return _of_events(files, column)
    [path] = files
    table = read_texts(path)
    if column is not None:
        raise BadInput(
            "brain.stimulus_column", expected=f"no such key with {path}", found=repr(column), hint=_WHY_NOT
        )
    if STIMULUS not in table:
        raise BadInput(f"{path} names no stimuli", expected="a column stimulus", found=", ".join(table))
    return trials_of(table[STIMULUS], table.get(SPLIT), table.get(SESSION), str(path))


_WHY_NOT = "it is for events.tsv; stimuli.csv has its column stimulus"


def trials_in_file(lists: Mapping[str, list[Any]], path: Path) -> Trials | None:
    """The trials that a file of betas names itself; None if it names none.

    Raises
    ------
    BadInput : two lists could be the stimuli, or lists differ in their length.
    """
    named = named_once([name for name in STIMULUS_LISTS if name in lists], "stimuli", path)
    if named is None:
        return None
    split, session = (lists.get(name, lists.get(f"{name}s")) for name in (SPLIT, SESSION))
    return trials_of(lists[named], split, session, f"{named} in {path}")


def no_trials(path: Path) -> BadInput:
    """The error that neither a file of betas nor a table beside it names the stimuli."""
    return BadInput(
        f"nothing names the stimuli of {path}",
        expected="stimuli.csv (column stimulus), *events.tsv, or an array stimuli in the file",
    )


def trials_of(
    stimuli: Sequence[Any], splits: Sequence[Any] | None, sessions: Sequence[Any] | None, source: str
) -> Trials:
    """Check names of trials and put them together.

    Raises
    ------
    BadInput : a name is missing or no text, a split is unknown, a stimulus is in two splits, or lists differ
        in their length.
    """
    if not stimuli:
        raise BadInput(f"{source} names no stimuli", expected="one for each row of betas", found="none")
    names = [_name(each) for each in stimuli]
    for row, name in enumerate(names, start=1):
        if not name:
            raise BadInput(f"{source}, row {row}", expected="the name of a stimulus", found="none")
    named = [DEFAULT_SPLIT] * len(names) if splits is None else [_text(each) for each in splits]
    for row, split in enumerate(named, start=1):
        if split not in SPLITS:
            raise BadInput(f"{source}, split of row {row}", expected=" or ".join(SPLITS), found=repr(split))
    of_sessions = None if sessions is None else tuple(_text(each) for each in sessions)
    if of_sessions is not None and "" in of_sessions:
        row = of_sessions.index("") + 1
        raise BadInput(f"{source}, session of row {row}", expected="a name or number", found="none")
    for what, found in (("splits", named), ("sessions", of_sessions)):
        if found is not None and len(found) != len(names):
            raise BadInput(f"{what} of {source}", expected=f"{len(names)}, as stimuli", found=len(found))
    first: dict[str, str] = {}
    for name, split in zip(names, named, strict=True):
        if first.setdefault(name, split) != split:
            raise BadInput(f"{source}: stimulus {name}", expected="one split", found="train and test")
    return Trials(tuple(names), tuple(named), of_sessions, source)


def _name(value: Any) -> str:
    return stimulus_of(_text(value))


def _text(value: Any) -> str:
    """A name; whole numbers, which CSV and MATLAB have as floats, lose their decimals."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _events(files: Any) -> list[Path]:
    return sorted(files, key=lambda path: natural_key(str(path)))


def _of_events(files: Sequence[Path], column: str | None) -> Trials:
    stimuli: list[str] = []
    sessions: list[str] = []
    asked = None if column is None else column.lower()
    for path in files:
        table = read_texts(path)
        usual = [name for name in EVENT_COLUMNS if name in table]
        if asked is not None and asked not in table:
            raise BadInput(f"{path} has no column {column}", found=", ".join(table))
        if asked is None and len(usual) != 1:
            raise BadInput(
                f"{path} does not say which column names the stimulus",
                expected=f"one of {', '.join(EVENT_COLUMNS)}, or brain.stimulus_column",
                found=" and ".join(usual) or f"columns {', '.join(table)}",
            )
        named = table[asked or usual[0]]
        shown = [row for row, name in enumerate(named) if name not in NOTHING_SHOWN]
        stimuli += [named[row] for row in shown]
        matched = _SESSION_OF_FILE.search(path.name) or _SESSION_OF_FILE.search(str(path.parent))
        of_file = matched[0] if matched else ""
        sessions += [table[SESSION][row] if SESSION in table else of_file for row in shown]
    source = str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
    return trials_of(stimuli, None, sessions if all(sessions) and sessions else None, source)
