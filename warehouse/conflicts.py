"""What two warehouses contradict each other in, in words: which rows or files, and what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.contents import Contents, is_of_one_network
from alignhouse.warehouse.errors import some_names

MOST_VALUES = 3
MOST_CHARACTERS = 40
# A sha256 is shown by its first digits.
HASH_LENGTH, HASH_DIGITS = 64, 8
_NAMING = ("protocol", "dataset", "version", "split", "model", "subject", "part", "roi", "result")
_NOTHING = object()

# Which warehouse an artifact is in, and its record.
Side = tuple[Contents, Artifact]
# Whether a setting or input of this name may differ.
Ignored = Callable[[str], bool]


def _none(name: str) -> bool:
    return False


def of_rows(
    tables: Iterable[str], columns: Sequence[str], values: Iterable[Sequence[object]], here: Side, there: Side
) -> str:
    """Both show rows with the same values in some columns, from different artifacts."""
    return _line(f"{', '.join(tables)} ({_named(columns, values)})", here, there)


def of_vectors(here: Side, there: Side) -> str:
    """Vectors of the same part of a data set were made from other files."""
    return _line(_what(there[1]), here, there)


def of_analyses(method: str, scope: Mapping[str, object], here: Side, there: Side) -> str:
    """Networks of one scope were analysed in different ways."""
    what = f"{method} ({_named(list(scope), [list(scope.values())])}), networks analysed differently"
    return _line(what, here, there, is_of_one_network)


def of_words(here: Side, there: Side) -> str:
    """Both have the same rows of a user's statistic, described in other words: no conflict."""
    return f"{_line(_what(there[1]), here, there)}: left out, because the rows are the same"


def of_content(here: Side, there: Side) -> str:
    """The same job made another file."""
    one, other = here[1], there[1]
    if one.path != other.path:
        return f"{_what(one)}: {one.path} in {_place(here)}, {other.path} in {_place(there)}"
    return (
        f"{_what(one)}, {one.path}: the same job made another file, "
        f"sha256 {_value(one.sha256)} in {_place(here)}, {_value(other.sha256)} in {_place(there)}"
    )


def _what(artifact: Artifact) -> str:
    """The table or the method of an artifact, and the settings that name what it is of."""
    settings = artifact.settings
    named = {name: settings[name] for name in _NAMING if isinstance(settings.get(name), str)}
    of = f" ({_named(list(named), [list(named.values())])})" if named else ""
    return f"{artifact.table or artifact.method}{of}"


def _line(what: str, here: Side, there: Side, ignored: Ignored = _none) -> str:
    differences = list(_differences(here[1], there[1], ignored))
    some = differences[:MOST_VALUES]
    ours = ", ".join(f"{name} = {one}" for name, one, _ in some)
    theirs = ", ".join(f"{name} = {other}" for name, _, other in some)
    more = f"; {len(differences) - len(some)} more differences" if len(differences) > len(some) else ""
    return f"{what}: {ours} in {_place(here)}, {theirs} in {_place(there)}{more}"


def _place(side: Side) -> str:
    contents, artifact = side
    run = contents.runs[artifact.artifact]
    return f"{contents.folder} (run {run}, {contents.commands.get(run, 'unknown')})"


def _named(columns: Sequence[str], values: Iterable[Sequence[object]]) -> str:
    """Columns with their values: "model AlexNet, roi EBA, V1 and 4 more"."""
    words = []
    for name, of_column in zip(columns, zip(*values, strict=True), strict=True):
        distinct = sorted({str(each) for each in of_column})
        words.append(f"{name} {some_names(distinct, MOST_VALUES)}")
    return ", ".join(words)


def _differences(one: Artifact, other: Artifact, ignored: Ignored) -> Iterator[tuple[str, str, str]]:
    """What differs between the jobs of two artifacts: its name, and both values."""
    ours, theirs = (
        {
            "method": each.method,
            "method version": each.version,
            **dict(_flat(each.settings, "", ignored)),
            **{f"input {name}": value for name, value in each.inputs.items() if not ignored(name)},
        }
        for each in (one, other)
    )
    for name in [*ours, *(name for name in theirs if name not in ours)]:
        mine, yours = ours.get(name, _NOTHING), theirs.get(name, _NOTHING)
        if mine != yours:
            yield name, *_values(mine, yours)


def _flat(settings: Mapping[str, Any], prefix: str, ignored: Ignored) -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if ignored(name):
            continue
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.", _none)
        else:
            yield f"{prefix}{name}", value


def _values(one: object, other: object) -> tuple[str, str]:
    """Two different values as short texts that differ too."""
    texts = str(one), str(other)
    pairs = enumerate(zip(*texts, strict=False))
    same = next((place for place, (mine, yours) in pairs if mine != yours), min(map(len, texts)))
    # Some characters before the first difference show its place.
    start = max(0, same - MOST_CHARACTERS // 4) if same > MOST_CHARACTERS // 2 else 0
    return _value(one, start), _value(other, start)


def _value(value: object, start: int = 0) -> str:
    if value is _NOTHING:
        return "nothing"
    text = str(value)
    if len(text) == HASH_LENGTH and text.isalnum():
        return text[:HASH_DIGITS]
    cut = text[start : start + MOST_CHARACTERS]
    return f"{'...' if start else ''}{cut}{'...' if start + len(cut) < len(text) else ''}"
