"""The catalog of networks: its content, the selection of networks, and errors for wrong names."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from alignhouse.ingest.models.catalog import CATALOG, catalog, read_catalog
from alignhouse.ingest.models.selection import select
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse


def test_the_catalog_holds_103_networks_of_which_99_are_the_studys_and_92_its_defaults() -> None:
    networks = catalog().values()
    assert len(networks) == 103
    assert len(select(["all"])) == sum(network.in_study_99 for network in networks) == 99
    assert len(select(["default"])) == sum(network.default for network in networks) == 92
    assert {network.name for network in select(["default"])} <= {network.name for network in select(["all"])}


def test_the_sources_are_those_of_the_study() -> None:
    counts = {
        source: sum(network.source == source for network in catalog().values())
        for source in ("torchvision", "timm", "mmaction2")
    }
    assert counts == {"torchvision": 19, "timm": 23, "mmaction2": 61}


def test_published_parameters_are_plain_counts_near_those_counted() -> None:
    resnet = catalog()["ResNet50"]
    assert resnet.parameters_counted == 25_557_032
    for network in catalog().values():
        if network.parameters_counted and network.name != "tpn_r50":  # published as 32 M, built with 91.5 M
            assert network.parameters_published == pytest.approx(network.parameters_counted, rel=0.05)


def test_clips_of_a_90_frame_video_follow_from_clip_length_and_interval() -> None:
    for network in catalog().values():
        if network.takes == "clips":
            assert network.clip_len is not None
            assert network.frame_interval is not None
            assert network.clips_for_90_frames == -(-90 // (network.clip_len * network.frame_interval))


def test_names_and_globs_are_chosen_once_and_in_the_catalogs_order() -> None:
    chosen = [network.name for network in select(["x3d_*", "AlexNet", "x3d_s"])]
    assert chosen == ["AlexNet", "x3d_s", "x3d_m"]


def test_excluded_names_are_left_out() -> None:
    assert [network.name for network in select(["x3d_*"], exclude=["x3d_m"])] == ["x3d_s"]


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"unknown network 'resnet35'.*ResNet34"):
        select(["resnet35"])


def test_an_unknown_name_among_the_excluded_is_an_error_too() -> None:
    with pytest.raises(BadInput, match="unknown network 'AlexNett'"):
        select(["all"], exclude=["AlexNett"])


def test_a_glob_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(BadInput, match=r"unknown network 'zzz\*'"):
        select(["zzz*"])


def test_a_selection_that_leaves_nothing_is_an_error() -> None:
    with pytest.raises(BadInput, match="empty"):
        select(["x3d_s"], exclude=["x3d_*"])


def test_networks_cannot_be_changed_and_the_catalog_is_a_copy() -> None:
    catalog().pop("AlexNet")
    assert "AlexNet" in catalog()
    with pytest.raises(ValidationError, match="frozen"):
        catalog()["AlexNet"].name = "other"


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = CATALOG.read_text()
    assert old in text
    path = tmp_path / "edited.csv"
    path.write_text(text.replace(old, new, 1))
    return path


def test_a_cell_that_does_not_fit_names_network_and_column(tmp_path: Path) -> None:
    with pytest.raises(BrokenWarehouse, match=r"edited.csv, network 'AlexNet': parameters_counted"):
        read_catalog(edited(tmp_path, "61100840", "many"))


def test_a_network_listed_twice_is_an_error(tmp_path: Path) -> None:
    path = edited(tmp_path, "Densenet161,image-in1k", "AlexNet,image-in1k")
    with pytest.raises(BrokenWarehouse, match="'AlexNet' is listed twice"):
        read_catalog(path)


def test_a_video_network_without_its_sampling_is_an_error(tmp_path: Path) -> None:
    text = CATALOG.read_text().splitlines()
    columns = text[0].split(",")
    row = next(line for line in text if line.startswith("x3d_s,")).split(",")
    row[columns.index("clip_len")] = ""
    path = tmp_path / "incomplete.csv"
    path.write_text("\n".join([text[0], ",".join(row)]) + "\n")
    with pytest.raises(BrokenWarehouse, match="x3d_s.*clip_len"):
        read_catalog(path)


def test_importing_the_light_modules_loads_no_deep_learning_library() -> None:
    program = (
        "import sys; "
        "from alignhouse.ingest.models import build, catalog, layers, own, weights; "
        "from alignhouse.ingest.models.sources import registry; "
        "from alignhouse.ingest.features import extract, settings; "
        "catalog.catalog(); "
        "[registry.get_source(name) for name in registry.SOURCES]; "
        "print([m for m in ('torch', 'torchvision', 'timm', 'mmaction', 'decord', 'matplotlib') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_job_keys_hold_the_columns_that_features_may_depend_on() -> None:
    with CATALOG.open(newline="", encoding="utf-8") as file:
        columns = [column for column in next(csv.reader(file)) if column != "objective"]
    for network in catalog().values():
        assert list(network.identity()) == columns, "more columns would extract every network again"
