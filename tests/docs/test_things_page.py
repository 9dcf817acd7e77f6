"""The code of docs/things.md copies the images that the study finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from documentation import ROOT, blocks
from things_files import files_of, write_person

from alignhouse.ingest.datasets.things.data_set import THINGS_FMRI


def test_copied_images_are_those_of_the_test_trials(tmp_path: Path) -> None:
    train, test = ["dog_01s", "dog_02s", "mug_01n"], ["dog_13s", "t-shirt_14n"]
    write_person(tmp_path, "sub-01", train, test, 1)
    for name in (*train, *test, "mug_02n"):
        path = tmp_path / "object_images" / name.rpartition("_")[0] / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    page = (ROOT / "docs" / "things.md").read_text(encoding="utf-8")
    [code] = [block.text for block in blocks(page) if block.language == "python"]
    names: dict[str, Any] = {}
    exec(code, names)
    table = files_of(tmp_path, "sub-01")[1]
    names["copy_test_images"](table, tmp_path / "object_images", tmp_path / "images")
    found = THINGS_FMRI.stimuli_of_study(tmp_path / "images", "test", tmp_path)
    assert [stimulus.name for stimulus in found] == test
