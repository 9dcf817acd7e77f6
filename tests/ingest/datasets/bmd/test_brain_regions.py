"""The regions that a study selects, and the files of each region."""

from __future__ import annotations

import pytest

from alignhouse.ingest.betas.regions import Region
from alignhouse.ingest.datasets.bmd.regions import hemisphere_of, resolve
from alignhouse.warehouse.errors import BadInput

STUDY = {
    "early": ["V1", "V2", "V3v", "V3d"],
    "ventral-occipital": ["hV4", "OFA", "LOC", "FFA", "PPA"],
    "dorsal": ["V3ab", "IPS0", "IPS1-2-3", "RSC"],
    "lateral": ["EBA", "TOS", "MT", "STS"],
}
AREAS = [
    *["V1v", "V1d", "V2v", "V2d", "V3v", "V3d", "hV4", "EBA", "FFA", "OFA", "STS", "LOC", "PPA", "RSC"],
    *["TOS", "V3ab", "IPS0", "IPS1-2-3", "7AL", "BA2", "PFt", "PFop", "MT"],
]


def names(regions: list[Region]) -> list[str]:
    return [region.name for region in regions]


def test_the_study_has_17_merged_regions_in_four_groups_in_order():
    regions = resolve("study")
    assert names(regions) == [name for group in STUDY.values() for name in group]
    assert [region.group for region in regions] == [group for group, of in STUDY.items() for _ in of]


def test_v1_is_its_ventral_and_dorsal_parts_on_both_sides():
    parts = {region.name: region.parts for region in resolve("study")}
    assert parts["V1"] == ("lV1v", "rV1v", "lV1d", "rV1d")
    assert parts["V2"] == ("lV2v", "rV2v", "lV2d", "rV2d")
    assert parts["hV4"] == ("lhV4", "rhV4")
    assert parts["IPS1-2-3"] == ("lIPS1-2-3", "rIPS1-2-3")


def test_hemispheres_split_the_study_regions_into_left_and_right():
    regions = resolve("hemispheres")
    assert len(regions) == 34
    assert regions[0] == Region("lV1", "early", 11, ("lV1v", "lV1d"), "left")
    assert regions[1] == Region("rV1", "early", 12, ("rV1v", "rV1d"), "right")


def test_parts_are_the_files_of_the_study():
    regions = resolve("parts")
    assert len(regions) == 38
    assert all(region.parts == (region.name,) for region in regions)
    of_study = {part for region in resolve("study") for part in region.parts}
    assert set(names(regions)) == of_study


def test_all_covers_every_file_of_version_b_once():
    parts = [part for region in resolve("all") for part in region.parts]
    assert sorted(parts) == sorted([side + area for area in AREAS for side in "lr"] + ["BMDgeneral", "WB"])


def test_all_of_version_a_covers_its_22_regions_and_the_whole_brain_without_sides():
    regions = resolve("all", "A")
    parts = [part for region in regions for part in region.parts]
    assert sorted(parts) == sorted([area for area in AREAS if area != "MT"] + ["WB"])
    assert {region.hemisphere for region in regions} == {"both"}
    assert dict(zip(names(regions), regions, strict=True))["V1"].parts == ("V1v", "V1d")
    assert len(resolve("study", "A")) == 16


@pytest.mark.parametrize("version", ["A", "B"])
def test_orders_are_unique_within_whatever_is_mixed(version):
    mixed = resolve("all", version) + resolve("parts", version)
    mixed += resolve("hemispheres", version) if version == "B" else []
    by_name = {region.name: region for region in mixed}
    assert len({region.order for region in by_name.values()}) == len(by_name)


def test_a_list_may_mix_levels_and_comes_back_in_the_order_of_the_visual_stream():
    assert names(resolve(["WB", "rEBA", "IPS1-2-3", "lV1d", "V1"])) == [
        "V1",
        "lV1d",
        "IPS1-2-3",
        "rEBA",
        "WB",
    ]
    assert resolve("MT") == resolve(["MT"])


@pytest.mark.parametrize(
    ("selection", "version", "message"),
    [
        (["V1", "IPS1"], "B", "unknown region 'IPS1'.*did you mean.*IPS1-2-3"),
        ("studdy", "B", "did you mean study"),
        ("MT", "A", "unknown region 'MT' in version A"),
        (["lV1"], "A", "unknown region 'lV1' in version A"),
        ("hemispheres", "A", "no hemispheres"),
        (["V1", "V1"], "B", "V1 is listed twice"),
        ([], "B", "no regions"),
        ("study", "C", "expected A or B, found C"),
    ],
)
def test_what_is_not_a_region_is_refused_with_near_names(selection, version, message):
    with pytest.raises(BadInput, match=message):
        resolve(selection, version)


def test_the_side_of_a_part_is_known_from_the_catalogue():
    sides = {"lhV4": "left", "rV1d": "right", "hV4": "both", "WB": "both", "lLOC": "left", "V1v": "both"}
    assert {part: hemisphere_of(part) for part in sides} == sides
    with pytest.raises(BadInput, match=r"unknown part.*lV1v"):
        hemisphere_of("lV1w")


def test_every_region_with_a_side_lies_on_the_side_of_all_its_parts():
    for region in resolve("hemispheres") + resolve("parts"):
        assert {hemisphere_of(part) for part in region.parts} == {region.hemisphere}
