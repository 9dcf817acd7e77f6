"""The demo's study file agrees with the study file's schema and with the demo's data."""

from __future__ import annotations

from pathlib import Path

from alignhouse import demo
from alignhouse.study.file import read_study

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
