"""Annotations of the videos are read from files into rows of five tables."""

from __future__ import annotations

import copy
import json
import random
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignhouse.ingest.datasets.bmd.annotation_jobs import TABLES, annotations_batch
from alignhouse.ingest.datasets.bmd.annotations import find_annotations, read_annotations
from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer

GIT = "GIT-git-large-coco"


def entry(video: str) -> dict[str, Any]:
    """A video's entry of annotations.json, in the form of the real file."""
    return {
        "bmd_matrixfilename": f"vid_idx{video}",
        "MiT_url": f"https://example.org/{video}.mp4",
        "MiT_filename": f"dancing/{video}.mp4",
        "set": "train" if int(video) <= 1000 else "test",
        "objects": [["hat", "drum", "bat"], ["arm", "chair", "--"], ["--", "--", "--"]],
        "THINGS_uniqueID": [["hat", "drum", "bat2"], ["arm", "chair", "--"], ["--", "--", "--"]],
        "scenes": ["stage/indoor", "stage/indoor", "bazaar/indoor"],
        "PLACES365_classID": ["315", "315", "46"],
        "actions": ["dancing", "performing"],
        "MiT_classID": ["213", "142"],
        "text_descriptions": ['A man says "27"', "Ein Mann tanzt — schön"],
        "spoken_transcription": "people are dancing",
        "memorability_score": 0.9083862026460859,
        "memorability_decay": -0.0014334279115157274,
    }


def write(folder: Path, entries: Any, name: str = "annotations") -> dict[str, Path]:
    path = folder / f"{name}.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries), encoding="utf-8")
    return {name: path}


def rows_of(folder: Path, table: str, **changed: Any) -> list[tuple[Any, ...]]:
    """The rows of video 0007 with some fields changed, without data set and video."""
    rows = getattr(read_annotations("bmd", write(folder, {"0007": entry("0007") | changed})), table)
    assert all((row["dataset"], row["stimulus"]) == ("bmd", "0007") for row in rows)
    return [tuple(row.values())[2:] for row in rows]


def do(folder: Path, paths: dict[str, Path]) -> dict[str, pa.Table]:
    job = annotations_batch("bmd", paths, {name: sha256_of(path) for name, path in paths.items()})
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        run.do("annotations", [job])
    return {path.parent.name[6:]: pq.read_table(path) for path in (folder / "facts").rglob("*.parquet")}


def test_objects_are_rows_by_annotator_and_place_and_no_more_objects_is_none(tmp_path):
    assert rows_of(tmp_path, "stimulus_object") == [
        (1, 1, "hat", "hat"),
        (1, 2, "drum", "drum"),
        (1, 3, "bat", "bat2"),
        (2, 1, "arm", "arm"),
        (2, 2, "chair", "chair"),
    ]


def test_scenes_and_actions_are_one_label_of_every_annotator(tmp_path):
    assert rows_of(tmp_path, "stimulus_scene") == [
        (1, 1, "stage/indoor", "315"),
        (2, 1, "stage/indoor", "315"),
        (3, 1, "bazaar/indoor", "46"),
    ]
    assert rows_of(tmp_path, "stimulus_action") == [(1, 1, "dancing", "213"), (2, 1, "performing", "142")]


def test_labels_may_be_lists_and_ids_numbers(tmp_path):
    changed = {"actions": [["dancing", "jumping"], "performing"], "MiT_classID": [[213, 7], [142]]}
    assert rows_of(tmp_path, "stimulus_action", **changed) == [
        (1, 1, "dancing", "213"),
        (1, 2, "jumping", "7"),
        (2, 1, "performing", "142"),
    ]
    changed = {"scenes": "ice", "PLACES365_classID": 8}
    assert rows_of(tmp_path, "stimulus_scene", **changed) == [(1, 1, "ice", "8")]


def test_sentences_are_verbatim_and_say_who_said_them(tmp_path):
    assert rows_of(tmp_path, "stimulus_sentence") == [
        ("annotator", 1, 'A man says "27"'),
        ("annotator", 2, "Ein Mann tanzt — schön"),
        ("spoken", 1, "people are dancing"),
    ]
    changed = {"text_descriptions": "One only. ", "spoken_transcription": ["a", "", "b"]}
    assert rows_of(tmp_path, "stimulus_sentence", **changed) == [
        ("annotator", 1, "One only. "),
        ("spoken", 1, "a"),
        ("spoken", 3, "b"),
    ]


def test_memorability_is_a_row_even_where_part_of_it_is_null(tmp_path):
    places = ("dancing/0007.mp4", "https://example.org/0007.mp4")
    assert rows_of(tmp_path, "stimulus_memorability") == [
        (0.9083862026460859, -0.0014334279115157274, *places)
    ]
    changed = {"memorability_score": None, "memorability_decay": 0, "MiT_filename": "", "MiT_url": None}
    assert rows_of(tmp_path, "stimulus_memorability", **changed) == [(None, 0.0, None, None)]
    assert rows_of(tmp_path, "stimulus_memorability", **(changed | {"memorability_decay": None})) == []


def test_missing_fields_of_a_video_give_no_rows(tmp_path):
    rows = read_annotations("bmd", write(tmp_path, {"0001": {"set": "train"}, "0002": {"scenes": ["ice"]}}))
    assert [(row["stimulus"], row["scene"], row["places365_id"]) for row in rows.stimulus_scene] == [
        ("0002", "ice", None)
    ]
    assert rows.stimulus_object == rows.stimulus_action == rows.stimulus_sentence == []
    assert rows_of(tmp_path, "stimulus_object", objects=None, THINGS_uniqueID=None) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"objects": [["a", "b"]], "THINGS_uniqueID": [["a"]]}, r"THINGS_uniqueID: .*objects, 2, found 1 "),
        ({"objects": [["a"], ["b"]], "THINGS_uniqueID": [["a", "b"]]}, r"found 2 \(labels and ids"),
        ({"scenes": ["ice"]}, r"PLACES365_classID: .*scenes, 1, found 1 \+ 1 \+ 1"),
        ({"actions": None}, "MiT_classID: .*found 1 . 1"),
        ({"objects": ["hat", "drum", "bat"]}, "objects: expected a list of labels for every annotator"),
        ({"objects": [["hat", 3, "bat"]] * 3}, "THINGS_uniqueID|objects: expected a label, found 3"),
        ({"scenes": [1, 2, 3]}, "scenes: expected a label, found 1"),
        ({"scenes": ["a", "b", ["c", ["d"]]], "PLACES365_classID": ["1", "2", ["3", "4"]]}, "found ..d"),
        ({"MiT_classID": [213, 1.5]}, "MiT_classID: expected a label, found 1.5"),
        ({"MiT_classID": ["213", True]}, "MiT_classID: expected a label, found true"),
        ({"scenes": {"a": 1}}, "PLACES365_classID|scenes"),
        ({"actions": ["dancing", "--"]}, "MiT_classID: expected no id where actions has no label"),
        ({"text_descriptions": [["a"]]}, "text_descriptions: expected a sentence"),
        ({"spoken_transcription": 5}, "spoken_transcription: expected a sentence, found 5"),
        ({"memorability_score": "0.9"}, "memorability_score: expected a number, found 0.9"),
        ({"memorability_decay": True}, "memorability_decay: expected a number"),
        ({"memorability_decay": 10**400}, "memorability_decay: expected a finite number, found 1000"),
        ({"MiT_url": ["a"]}, "MiT_url: expected text"),
        ({"set": "test"}, "set: expected train, by its number, found test"),
        ({"bmd_matrixfilename": "vid_idx0008"}, "bmd_matrixfilename: expected vid_idx0007"),
    ],
)
def test_invalid_annotations_are_refused_by_file_video_and_field(tmp_path, changed, message):
    with pytest.raises(BadInput, match=message) as caught:
        rows_of(tmp_path, "stimulus_object", **changed)
    assert f"{tmp_path}/annotations.json, video 0007, field " in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"0001": {}, "0001": {}}', "not strict JSON: expected each key once, found 0001 twice"),
        ('{"0001": {"set": "train", "set": "train"}}', "found set twice"),
        ('{"0001": {"memorability_score": NaN}}', "expected numbers, found NaN"),
        ('{"0001": {"memorability_score": -Infinity}}', "found -Infinity"),
        ('{"0001": {"memorability_score": 1e999}}', "expected a finite number"),
        ("{'0001': {}}", "is not JSON"),
        ('{"0001": ', "is not JSON"),
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"0001": {"spoken_transcription": "\\ud83d"}}', "is not JSON: .*surrogates"),
        ("[]", "not a file of annotations"),
        ("{}", "not a file of annotations"),
        ('{"0001": []}', "video 0001: expected an object by field"),
        ('{"1103": {}}', "key '1103': expected a video"),
        ('{"1": {}}', "key '1': expected a video"),
        ('{"vid_idx0001": {}}', "expected a video, 0001 to 1102"),
        ('{"0001": {"GIT": ["a duck"]}}', "video 0001, field GIT: .*another file"),
    ],
)
def test_files_without_annotations_are_refused_by_name(tmp_path, text, message):
    with pytest.raises(BadInput, match=message) as caught:
        read_annotations("bmd", write(tmp_path, text))
    assert f"{tmp_path}/annotations.json" in str(caught.value)


def test_a_file_that_is_not_text_or_not_there_is_refused(tmp_path):
    path = tmp_path / "annotations.json"
    with pytest.raises(BadInput, match=r"there is no file .*annotations\.json"):
        read_annotations("bmd", {"annotations": path})
    path.write_bytes(b'{"0001": {"set": "\xff"}}')
    with pytest.raises(BadInput, match=r"annotations\.json is not JSON"):
        read_annotations("bmd", {"annotations": path})
    with pytest.raises(BadInput, match="expected annotations or llm_frame_annotations, found notes"):
        read_annotations("bmd", {"notes": path})
    with pytest.raises(BadInput, match="found none"):
        read_annotations("bmd", {})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({GIT: [1]}, f"field {GIT}: expected a sentence, found 1"),
        ({"spoken": ["a"]}, "field spoken: expected the name of a captioning network"),
        ({"objects": [["a"]]}, "field objects: expected the name of a captioning network"),
    ],
)
def test_an_invalid_caption_is_refused(tmp_path, fields, message):
    with pytest.raises(BadInput, match=message):
        read_annotations("bmd", write(tmp_path, {"0001": fields}, "llm_frame_annotations"))


def test_files_are_found_in_the_folder_or_where_the_data_set_has_them(tmp_path):
    below = tmp_path / "derivatives/stimuli_metadata"
    below.mkdir(parents=True)
    assert find_annotations(tmp_path) == {}
    (below / "annotations_fieldnames.json").touch()
    (below / "annotations.json").touch()
    (tmp_path / "llm_frame_annotations.json").touch()
    assert find_annotations(tmp_path) == {
        "annotations": below / "annotations.json",
        "llm_frame_annotations": tmp_path / "llm_frame_annotations.json",
    }
    assert find_annotations(below) == {"annotations": below / "annotations.json"}
    with pytest.raises(BadInput, match="there is no folder .*nowhere"):
        find_annotations(tmp_path / "nowhere")


def shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = chance.sample(list(value), len(value))
        return {key: shuffled(value[key], chance) for key in keys}
    return value


def test_rows_are_in_the_order_of_the_videos_whatever_the_order_of_the_files(tmp_path):
    names = ["0002", "0010", "0999", "1000", "1001", "1102"]
    said = {name: entry(name) for name in names}
    captions = {name: {"model-b": ["b"], "GIT": ["a", "c"]} for name in names}
    made = []
    for seed in range(3):
        folder = tmp_path / str(seed)
        folder.mkdir()
        chance = random.Random(seed)
        paths = write(folder, shuffled(copy.deepcopy(said), chance))
        paths |= write(folder, shuffled(captions, chance), "llm_frame_annotations")
        made.append(do(folder / "warehouse", paths))
    assert set(made[0]) == set(TABLES)
    for table, first in made[0].items():
        assert [each[table].to_pylist() for each in made] == [first.to_pylist()] * 3
        assert list(dict.fromkeys(first["stimulus"].to_pylist())) == names
    some = made[0]["stimulus_sentence"].slice(0, 6).to_pylist()
    assert [(row["stimulus"], row["source"], row["sentence_order"]) for row in some] == [
        ("0002", "annotator", 1),
        ("0002", "annotator", 2),
        ("0002", "spoken", 1),
        ("0002", "GIT", 1),
        ("0002", "GIT", 2),
        ("0002", "model-b", 1),
    ]


def test_the_tables_have_the_columns_and_types_of_the_schema_even_when_all_is_null(tmp_path):
    bare = {"0001": {"objects": [["a"]], "scenes": ["b"], "actions": ["c"], "memorability_decay": 1}}
    captions = write(tmp_path, {"0001": {GIT: ["d"]}}, "llm_frame_annotations")
    for folder, paths in (
        ("null", write(tmp_path, bare) | captions),
        ("full", write(tmp_path, {"0001": entry("0001")}) | captions),
    ):
        made = do(tmp_path / folder, paths)
        assert set(made) == set(TABLES)
        with duckdb.connect() as connection:
            connection.execute(files("alignhouse.sql").joinpath("schema/0002_brain_data.sql").read_text())
            for table, data in made.items():
                own = connection.from_arrow(data)
                there = connection.sql(f"select * exclude (artifact) from {table}")
                assert (own.columns, own.types) == (there.columns, there.types)


def test_the_job_is_known_by_both_files_and_makes_only_tables_that_have_rows(tmp_path):
    said = write(tmp_path, {"0001": {"scenes": ["ice"]}})
    both = said | write(tmp_path, {"0001": {GIT: ["a duck"]}}, "llm_frame_annotations")
    hashes = {"annotations": "1" * 64, "llm_frame_annotations": "2" * 64}
    batch = annotations_batch("bmd", both, hashes)
    [job] = batch.jobs
    assert job.inputs == hashes
    others = annotations_batch("bmd", said, hashes), annotations_batch("b", both, hashes)
    assert len({job.key, *(each.jobs[0].key for each in others)}) == 3
    assert job.key == annotations_batch("bmd", dict(reversed(both.items())), hashes).jobs[0].key
    [outputs] = batch.outputs(Silent())
    assert [(each.table, each.slot, each.folder) for each in outputs] == [
        ("stimulus_scene", ("dataset",), ("facts", "table=stimulus_scene")),
        ("stimulus_sentence", ("dataset",), ("facts", "table=stimulus_sentence")),
    ]
    nothing = annotations_batch("bmd", write(tmp_path, {"0001": {"set": "train"}}), hashes)
    with pytest.raises(BadInput, match=r"annotations\.json: no annotations"):
        list(nothing.outputs(Silent()))


def test_changed_files_replace_the_rows_of_their_data_set(tmp_path):
    for count in (3, 2):
        paths = write(tmp_path, {f"{number:04d}": entry(f"{number:04d}") for number in range(1, count + 1)})
        do(tmp_path / "warehouse", paths)
        with Warehouse.open(tmp_path / "warehouse") as opened:
            for table, each in (("stimulus_object", 5), ("stimulus_sentence", 3)):
                assert opened.sql(f"select count(*) from {table}").fetchall() == [(each * count,)]


def test_the_real_captions_are_five_sentences_on_each_of_1102_videos(tmp_path, test_data):
    paths = find_annotations(test_data / "bmd_metadata")
    assert list(paths) == ["llm_frame_annotations"]
    plain = json.loads(paths["llm_frame_annotations"].read_text())
    made = do(tmp_path / "warehouse", paths)
    assert list(made) == ["stimulus_sentence"]
    rows = made["stimulus_sentence"].to_pylist()
    assert len(rows) == 5510
    assert [row["sentence"] for row in rows] == [
        sentence for number in range(1, 1103) for sentence in plain[f"{number:04d}"][GIT]
    ]
    assert rows[0] == {
        "dataset": "bmd",
        "stimulus": "0001",
        "source": GIT,
        "sentence_order": 1,
        "sentence": "a duck floating on top of a body of water.",
    }
    assert {row["source"] for row in rows} == {GIT}
    assert [row["sentence_order"] for row in rows] == [1, 2, 3, 4, 5] * 1102
    with Warehouse.open(tmp_path / "warehouse") as opened:
        found = opened.sql(
            "select count(*), count(distinct stimulus), min(stimulus), max(stimulus) from stimulus_sentence"
        ).fetchall()
    assert found == [(5510, 1102, "0001", "1102")]
