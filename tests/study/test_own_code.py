"""A study from somebody else: whose code runs, and when it is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import alignhouse

from alignhouse.study.file import read_study
from alignhouse.warehouse.errors import BadInput

STUDY = """
[brain]
path = "betas"
[stimuli]
path = "videos"
[networks]
include = [{include}]
[networks.own.strange]
source = "function"
id = "module_of_a_stranger:network"
"""
MODULE = (
    'from pathlib import Path\nPath(__file__).with_name("it_ran").touch()\nraise RuntimeError("no network")\n'
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "module_of_a_stranger.py").write_text(MODULE)
    (tmp_path / "study.toml").write_text(STUDY.format(include='"AlexNet"'))
    return tmp_path


def ran(folder: Path) -> bool:
    return (folder / "it_ran").exists()


def test_reading_a_study_runs_no_code_of_it(folder: Path) -> None:
    study = read_study(folder / "study.toml")
    assert study.own_code() == [f"strange (module_of_a_stranger:network in {folder})"]
    assert [each.name for each in study.chosen_networks(own=False)] == ["AlexNet"]
    assert not ran(folder)
    with pytest.raises(BadInput, match="no network"):
        study.chosen_networks()
    assert ran(folder)


def test_a_dry_run_says_whose_code_it_runs_before_it_does(folder: Path) -> None:
    told = alignhouse("ingest", "networks", "study.toml", "--dry-run", folder=folder)
    said, error = told.stderr.splitlines()
    assert said == (
        f"Running the code of own networks: strange (module_of_a_stranger:network in {folder})."
        " --no-own leaves them out."
    )
    assert "no network" in error
    assert ran(folder)


def test_a_dry_run_without_own_networks_runs_no_code_of_the_study(folder: Path) -> None:
    told = alignhouse("ingest", "networks", "study.toml", "--dry-run", "--no-own", folder=folder)
    assert "videos" in told.stderr, "the next step, which finds no stimuli"
    (folder / "study.toml").write_text(STUDY.format(include=""))
    told = alignhouse("ingest", "networks", "study.toml", "--dry-run", "--no-own", folder=folder)
    assert (told.returncode, "no network is left" in told.stderr) == (2, True)
    told = alignhouse("ingest", "networks", "study.toml", "--no-own", folder=folder)
    assert (told.returncode, "--no-own is an option of --dry-run" in told.stderr) == (2, True)
    assert not ran(folder)


def test_excluded_own_networks_are_not_named(folder: Path) -> None:
    file = folder / "study.toml"
    file.write_text(file.read_text().replace("[networks]", '[networks]\nexclude = ["str*"]'))
    assert read_study(file).own_code() == []
