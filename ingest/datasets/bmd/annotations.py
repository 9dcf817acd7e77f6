"""Annotations of the BOLD Moments videos, by human annotators and captioning networks, as table rows.

They are in two files of `derivatives/stimuli_metadata`: `annotations.json` (labels, sentences, memorability)
and `llm_frame_annotations.json` (captions of the middle frame). Both are JSON objects with a key per video.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Never

from alignhouse.ingest.datasets.bmd.videos import LAST_VIDEO, split_of_video
from alignhouse.ingest.stimuli.names import natural_key
from alignhouse.warehouse.errors import BadInput

ANNOTATIONS = "annotations"
LLM_ANNOTATIONS = "llm_frame_annotations"
FILES = (ANNOTATIONS, LLM_ANNOTATIONS)
BELOW = Path("derivatives", "stimuli_metadata")

NO_MORE = "--"  # "No more objects in video", according to annotations_fieldnames.json
BY_ANNOTATORS = "annotator"
SPOKEN = "spoken"

# The fields that annotations_fieldnames.json describes.
_FIELDS = frozenset(
    {
        "MiT_classID",
        "MiT_filename",
        "MiT_url",
        "PLACES365_classID",
        "THINGS_uniqueID",
        "actions",
        "bmd_matrixfilename",
        "memorability_decay",
        "memorability_score",
        "objects",
        "scenes",
        "set",
        "spoken_transcription",
        "text_descriptions",
    }
)
_NESTED = ("objects", "THINGS_uniqueID")

Row = dict[str, Any]


@dataclass(frozen=True)
class Annotations:
    """Rows of the tables with the same names as the fields, as dictionaries by column.

    Videos are in natural order. `annotator`, `label_order` and `sentence_order` count from 1, in the order of
    the file. The `source` of a sentence is "annotator" if it was typed, and "spoken" if it was transcribed;
    other sources are names of networks.
    """

    stimulus_object: list[Row] = field(default_factory=list)
    stimulus_scene: list[Row] = field(default_factory=list)
    stimulus_action: list[Row] = field(default_factory=list)
    stimulus_sentence: list[Row] = field(default_factory=list)
    stimulus_memorability: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class _Entry:
    """The fields of one video in a file."""

    path: Path
    video: str
    fields: dict[str, Any]

    def get(self, name: str) -> Any:
        return self.fields.get(name)

    def wrong(self, name: str, expected: str, found: Any, hint: str | None = None) -> BadInput:
        shown = found if isinstance(found, str) else json.dumps(found, default=str)
        return BadInput(
            f"{self.path}, video {self.video}, field {name}",
            expected=expected,
            found=shown[:80] + ("..." if len(shown) > 80 else ""),
            hint=hint,
        )


def find_annotations(folder: Path) -> dict[str, Path]:
    """The annotation files in a folder or in `derivatives/stimuli_metadata` below it, by name without suffix.

    Raises
    ------
    BadInput : the folder does not exist. (For a folder without annotation files, the result is {}.)
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}", expected="annotations of the stimuli")
    found = {}
    for name in FILES:
        candidates = [root / f"{name}.json" for root in (folder, folder / BELOW)]
        for path in [each for each in candidates if each.is_file()][:1]:
            found[name] = path
    return found


def read_annotations(dataset: str, paths: Mapping[str, Path]) -> Annotations:
    """Read annotation files into rows of tables.

    Missing fields, and values that are null, blank or "--", add no rows. The order of keys does not matter.

    Parameters
    ----------
    dataset : the first column of every row.
    paths : the files, from `find_annotations`; "annotations", "llm_frame_annotations" or both.

    Raises
    ------
    BadInput : a file is missing or is not strict JSON; a key is not a video; a field has the wrong type or
        contradicts the video's number; labels and ids differ in number. Errors name file, video and field.
    """
    unknown = sorted(set(paths) - set(FILES))
    if unknown or not paths:
        raise BadInput("annotation files", expected=" or ".join(FILES), found=", ".join(unknown) or "none")
    rows = Annotations()
    if ANNOTATIONS in paths:
        for entry in _entries(Path(paths[ANNOTATIONS])):
            _add_annotations(rows, dataset, entry)
    if LLM_ANNOTATIONS in paths:
        for entry in _entries(Path(paths[LLM_ANNOTATIONS])):
            rows.stimulus_sentence.extend(_captions(dataset, entry))
    rows.stimulus_sentence.sort(key=_sentence_key)
    return rows


def _entries(path: Path) -> Iterator[_Entry]:
    videos = _strict_json(path)
    if not isinstance(videos, dict) or not videos:
        raise BadInput(f"{path} is not a file of annotations", expected="an object by video (0001, ...)")
    strangers = [key for key in videos if split_of_video(key) is None]
    if strangers:
        raise BadInput(f"{path}, key {strangers[0]!r}", expected=f"a video, 0001 to {LAST_VIDEO}")
    for video in sorted(videos, key=natural_key):
        if not isinstance(videos[video], dict):
            raise BadInput(
                f"{path}, video {video}", expected="an object by field", found=str(videos[video])[:80]
            )
        yield _Entry(path, video, videos[video])


def _strict_json(path: Path) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in pairs:
            if key in made:
                raise BadInput(f"{path} is not strict JSON", expected="each key once", found=f"{key} twice")
            made[key] = value
        return made

    def no_number(text: str) -> Never:
        raise BadInput(f"{path} is not strict JSON", expected="numbers", found=text)

    if not path.is_file():
        raise BadInput(f"there is no file {path}", expected="annotations of the stimuli")
    try:
        found = json.loads(path.read_bytes(), object_pairs_hook=unique, parse_constant=no_number)
        # Half of a surrogate pair ("\\ud83d") is valid JSON, but cannot be encoded as UTF-8.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"{path} is not JSON", expected="annotations", found=str(error), hint="fetch it again"
        ) from error
    return found


def _add_annotations(rows: Annotations, dataset: str, entry: _Entry) -> None:
    _refuse_contradictions(entry)
    for table, columns, names in (
        (rows.stimulus_object, ("object", "things_id"), ("objects", "THINGS_uniqueID")),
        (rows.stimulus_scene, ("scene", "places365_id"), ("scenes", "PLACES365_classID")),
        (rows.stimulus_action, ("action", "mit_id"), ("actions", "MiT_classID")),
    ):
        for annotator, order, label, identifier in _labels(entry, *names):
            place = {"annotator": annotator, "label_order": order}
            named = dict(zip(columns, (label, identifier), strict=True))
            table.append({"dataset": dataset, "stimulus": entry.video, **place, **named})
    for source, name in ((BY_ANNOTATORS, "text_descriptions"), (SPOKEN, "spoken_transcription")):
        rows.stimulus_sentence.extend(_sentences(dataset, entry, name, source))
    facts = {
        "memorability": _number(entry, "memorability_score"),
        "memorability_decay": _number(entry, "memorability_decay"),
        "mit_file_name": _text(entry, "MiT_filename", entry.get("MiT_filename")),
        "mit_url": _text(entry, "MiT_url", entry.get("MiT_url")),
    }
    if any(fact is not None for fact in facts.values()):
        rows.stimulus_memorability.append({"dataset": dataset, "stimulus": entry.video, **facts})


def _refuse_contradictions(entry: _Entry) -> None:
    if entry.fields and not _FIELDS & set(entry.fields):
        raise entry.wrong(
            ", ".join(entry.fields),
            "one of annotations.json",
            "none",
            "is this another file of the data set?",
        )
    for name, expected in (
        ("set", split_of_video(entry.video)),
        ("bmd_matrixfilename", f"vid_idx{entry.video}"),
    ):
        if entry.get(name) not in (None, expected):
            raise entry.wrong(name, f"{expected}, by its number", entry.get(name))


def _labels(entry: _Entry, label_field: str, id_field: str) -> Iterator[tuple[int, int, str, str | None]]:
    """Pair the items of two fields by position: (annotator, order, label, id), both counted from 1."""
    labels = _by_annotator(entry, label_field)
    ids = _by_annotator(entry, id_field)
    if entry.get(id_field) is None:
        ids = [[None] * len(each) for each in labels]
    if [len(each) for each in labels] != [len(each) for each in ids]:
        raise entry.wrong(
            id_field,
            f"an id for every item of {label_field}, {_shape(labels)}",
            _shape(ids),
            "labels and ids are paired by position",
        )
    for annotator, (some_labels, some_ids) in enumerate(zip(labels, ids, strict=True), 1):
        for order, (label, identifier) in enumerate(zip(some_labels, some_ids, strict=True), 1):
            text = _label(entry, label_field, label)
            if isinstance(identifier, int) and not isinstance(identifier, bool):
                identifier = str(identifier)
            identifier = _label(entry, id_field, identifier)
            if text is not None:
                yield annotator, order, text, identifier
            elif identifier is not None:
                raise entry.wrong(id_field, f"no id where {label_field} has no label", identifier)


def _by_annotator(entry: _Entry, name: str) -> list[list[Any]]:
    """A list of labels per annotator. For scenes and actions, an annotator may have a single bare label."""
    value = entry.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        value = [value]
    if name in _NESTED and not all(isinstance(each, list) for each in value):
        # A flat list is ambiguous: all labels of one annotator, or one label from each annotator.
        raise entry.wrong(name, "a list of labels for every annotator", entry.get(name))
    return [each if isinstance(each, list) else [each] for each in value]


def _shape(lists: list[list[Any]]) -> str:
    return " + ".join(str(len(each)) for each in lists) or "none"


def _label(entry: _Entry, name: str, value: Any) -> str | None:
    text = _text(entry, name, value, "a label")
    return None if text is not None and text.strip() == NO_MORE else text


def _captions(dataset: str, entry: _Entry) -> Iterator[Row]:
    for name in entry.fields:
        if name in _FIELDS or name in (BY_ANNOTATORS, SPOKEN) or not name.strip():
            raise entry.wrong(name, "the name of a captioning network", name)
        yield from _sentences(dataset, entry, name, name)


def _sentences(dataset: str, entry: _Entry, name: str, source: str) -> Iterator[Row]:
    value = entry.get(name)
    for order, item in enumerate(value if isinstance(value, list) else [value], 1):
        sentence = _text(entry, name, item, "a sentence")
        if sentence is not None:
            yield {
                "dataset": dataset,
                "stimulus": entry.video,
                "source": source,
                "sentence_order": order,
                "sentence": sentence,
            }


def _sentence_key(row: Row) -> tuple[Any, ...]:
    """Sort key: video; then typed sentences, the spoken sentence, and captions by network name."""
    source = row["source"]
    known = (BY_ANNOTATORS, SPOKEN)
    place = known.index(source) if source in known else len(known)
    return natural_key(row["stimulus"]), place, source, row["sentence_order"]


def _text(entry: _Entry, name: str, value: Any, due: str = "text") -> str | None:
    """The unchanged text from the file; None if it is null or blank."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise entry.wrong(name, due, value)
    return value if value.strip() else None


def _number(entry: _Entry, name: str) -> float | None:
    value = entry.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise entry.wrong(name, "a number", value)
    if abs(value) > sys.float_info.max:
        raise entry.wrong(name, "a finite number", value)
    return float(value)
