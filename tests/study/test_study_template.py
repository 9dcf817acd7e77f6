"""The study file that `alignhouse init` writes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from alignhouse.ingest.models.own import OwnNetwork
from alignhouse.study.file import Study, read_study
from alignhouse.study.networks_section import NetworksSection
from alignhouse.study.template import study_template


def test_every_key_is_there_with_its_help(tmp_path: Path) -> None:
    text = study_template()
    for name, field in Study.model_fields.items():
        if name == "protocols":
            continue
        section = text.split(f"[{name}]\n")[1].split("\n\n")[0].splitlines()
        for key, each in field.annotation.model_fields.items():  # type: ignore[union-attr]
            if (name, key) == ("networks", "own"):
                continue
            [line] = [i for i, line in enumerate(section) if line.removeprefix("# ").startswith(f"{key} = ")]
            assert section[line - 1] == f"# {each.description}"


def test_the_keys_of_a_network_of_ones_own_are_there_with_their_help() -> None:
    [block] = [each for each in study_template().split("\n\n") if "[networks.own." in each]
    described, table, *keys = block.splitlines()
    assert described == f"# {NetworksSection.model_fields['own'].description}"
    assert table == "# [networks.own.NAME]"
    expected = [
        line
        for key, each in OwnNetwork.model_fields.items()
        for line in (f"# {each.description}", f"# {key} = ...")
    ]
    assert keys == expected


def test_keys_to_fill_in_are_not_commented_out(tmp_path: Path) -> None:
    assert tomllib.loads(study_template()) == {
        "study": {},
        "brain": {"path": "/data/bmd"},
        "stimuli": {"path": "/data/bmd/stimulus_set"},
        "networks": {},
        "controls": {},
        "analysis": {},
        "encoding": {},
        "report": {},
        "compute": {},
        "slurm": {},
    }


def test_the_study_is_that_of_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(study_template(), encoding="utf-8")
    study = read_study(file)
    assert study.brain.path == Path("/data/bmd")
    assert study.analysis.protocols == ["sound"]
    uncommented = "\n".join(
        line.removeprefix("# ") if re.match(r"# \w+ = (?!\.\.\.)", line) else line
        for line in study_template().splitlines()
    )
    file.write_text(uncommented, encoding="utf-8")
    assert read_study(file) == study, "commented lines show the defaults"
