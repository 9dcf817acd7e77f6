"""A failed network is reported and the others continue; a dry run estimates the cost of all networks."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

import pytest
from mini_study import SCORE

from alignhouse.warehouse import Warehouse


@dataclass(frozen=True)
class Fails:
    """A study in which one network gives the same pattern for every stimulus, from one layer on.

    networks : the study's section on networks. good, bad : how results name the two networks.
    """

    networks: str
    good: str
    bad: str
    first_layer: str
    layers: tuple[str, ...]


IN_SMALL = Fails(
    networks="""include = []
[networks.own.good]
source = "function"
id = "good_and_flat:good"
[networks.own.flat]
source = "function"
id = "good_and_flat:flat"
layers = ["*"]
""",
    good="good",
    bad="flat",
    first_layer="3 of network flat",
    layers=("3", "4"),
)
IN_FULL = Fails(
    networks='include = ["AlexNet", "repvgg_a2"]\nweights = "random"',
    good="AlexNet-random0",
    bad="repvgg_a2-random0",
    first_layer="stages_2 of network repvgg_a2",
    layers=("final_conv", "stages_2", "stages_3"),
)
FUNCTIONS = """
import torch
from torch import nn

def transform(image):
    return torch.frombuffer(bytearray(image.resize((4, 4)).tobytes()), dtype=torch.uint8).view(3, 16, 1) / 255

def good():
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 9), nn.ReLU(), nn.Linear(9, 9)), transform, "good"

def flat():
    module = nn.Sequential(
        nn.Flatten(), nn.Linear(48, 9), nn.ReLU(), nn.Linear(9, 9), nn.Linear(9, 5)
    )
    module[3].weight.data.zero_()
    return module, transform, "flat"
"""


@pytest.mark.parametrize(
    "case", [IN_SMALL, pytest.param(IN_FULL, marks=pytest.mark.slow)], ids=["small", "full"]
)
def test_one_network_that_fails_does_not_stop_the_others(study: Any, case: Fails) -> None:
    shutil.rmtree(study.folder / "models")
    study.change('rdms = "models"', case.networks)
    (study.folder / "good_and_flat.py").write_text(FUNCTIONS, encoding="utf-8")
    run = study.alignhouse(*SCORE)
    assert run.returncode == 1, run.stderr
    told = f"{case.bad}: layer {case.first_layer}"
    assert run.stderr.count(f"Failed: {told}: expected features that differ") == 1
    assert f"Failed:\n  {told}" in run.stdout
    assert f"networks that failed: 1: found {case.bad} (the others are done" in run.stderr
    with Warehouse.open(study.warehouse) as opened:
        scored = opened.sql("select distinct protocol, model from alignment order by all").fetchall()
        known = opened.sql("select model from model").fetchall()
    assert scored == [("paper", case.good), ("sound", case.good)]
    assert known == [(case.good,)]
    again = study.alignhouse(*SCORE)
    assert again.returncode == 1, "it is tried again, and told again"
    assert "Nothing to do" in again.stdout
    study.change("include = [", "skip_bad = true\ninclude = [")
    mended = study.alignhouse(*SCORE)
    assert mended.returncode == 0, mended.stderr
    for protocol in ("sound", "paper"):
        skipped = f"Skipped layers of {case.bad}, protocol {protocol}: {', '.join(case.layers)}"
        assert skipped in mended.stderr
    assert "Extracting RDMs of networks: 2 to do, 2 done before" in mended.stderr, "one has no bad layer"
    with Warehouse.open(study.warehouse) as opened:
        found = opened.sql(f"select distinct layer from layer where model = '{case.bad}'").fetchall()
    layers = {layer for (layer,) in found}
    assert layers
    assert not layers & set(case.layers)


def test_a_dry_run_estimates_and_changes_nothing(study: Any) -> None:
    shutil.rmtree(study.folder / "models")
    study.change('rdms = "models"', 'include = ["AlexNet", "ResNet34"]\nweights = "random"')
    study.file.write_text(study.file.read_text() + '[compute]\nscratch = "5GB"\n')
    dry = study.alignhouse("ingest", "networks", "study.toml", "--dry-run", "--stimuli", "1102")
    assert dry.returncode == 0, dry.stderr
    rows = {line.split()[0]: line.split() for line in dry.stdout.splitlines() if line.split()}
    # Explicit layers: 14 of AlexNet under sound, 7 of them under paper; a feature has four bytes.
    assert rows["AlexNet"][1] == "14"
    assert int(rows["AlexNet"][-1]) > 1, "9 GB do not fit into 5"
    assert "2 networks, 1,102 stimuli, protocols sound, paper" in dry.stdout
    assert "Allowed: 5.0 GB of scratch, 8.0 GB of memory." in dry.stdout
    assert not study.warehouse.exists()
