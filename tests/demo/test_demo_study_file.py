"""The demo's study file agrees with the study file's schema and with the demo's data."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from alignhouse import demo
from alignhouse.demo.study import study_text
from alignhouse.study.file import read_study
from alignhouse.study.machine import check_machine
from alignhouse.study.networks import weighted_networks

STUDY = Path(demo.__file__).with_name("study.toml")


def test_the_demo_study_is_a_valid_study_of_synthetic_data() -> None:
    study = read_study(STUDY)
    assert study.brain.synthetic
    assert study.brain.kind == "bmd"
    assert study.networks.weights == "random"
    assert list(study.resolved_protocols()) == ["sound", "paper"]
    assert (
        study.stimuli.path == study.brain.path / "stimulus_set" == STUDY.parent / "demo-data" / "stimulus_set"
    )


def test_every_block_of_the_demo_study_is_commented() -> None:
    lines = STUDY.read_text(encoding="utf-8").splitlines()
    blocks = [i for i, line in enumerate(lines) if line.startswith("[")]
    assert len(blocks) == 7
    assert all(lines[i - 1].startswith("# ") for i in blocks)


def test_the_demo_is_the_whole_study_where_all_packages_are_installed() -> None:
    assert study_text() == STUDY.read_text(encoding="utf-8")


def test_the_demo_leaves_out_what_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mmaction", None)
    monkeypatch.setitem(sys.modules, "decord", None)
    (tmp_path / "demo.toml").write_text(study_text(), encoding="utf-8")
    study = read_study(tmp_path / "demo.toml")
    networks = [network for network, _ in weighted_networks(study)]
    assert [each.name for each in networks] == ["AlexNet", "ResNet34", "cait_xxs24_224"]
    check_machine(study, study.resolved_protocols(), networks)
    whole = read_study(STUDY)
    changed = {
        "networks": whole.networks.model_copy(update={"include": study.networks.include}),
        "analysis": whole.analysis.model_copy(update={"protocols": ["sound"]}),
    }
    others = ("study", "brain", "stimuli", "report")
    assert study.model_dump(exclude=set(others)) == whole.model_copy(update=changed).model_dump(
        exclude=set(others)
    )
    assert "Both shipped protocols" not in study_text()
    assert "Six small networks" not in study_text()
