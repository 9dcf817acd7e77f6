"""A failed network is reported and the others continue; a dry run estimates the cost of all networks."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from alignhouse.warehouse import Warehouse


@pytest.fixture
def networks(study: Any) -> Any:
    """A study of two untrained networks; one of them has the same pattern for every stimulus."""
    shutil.rmtree(study.folder / "models")
    study.change('rdms = "models"', 'include = ["AlexNet", "repvgg_a2"]\nweights = "random"')
    return study


def test_one_network_that_fails_does_not_stop_the_others(networks: Any) -> None:
    run = networks.run()
    assert run.returncode == 1, run.stderr
    assert run.stderr.count("Failed: repvgg_a2-random0: layer stages_2: expected features that differ") == 1
    assert "Failed:\n  repvgg_a2-random0: layer stages_2" in run.stdout
    assert "networks that failed: 1: found repvgg_a2-random0 (the others are done" in run.stderr
    with Warehouse.open(networks.warehouse) as opened:
        scored = opened.sql("select distinct protocol, model from alignment order by all").fetchall()
        known = opened.sql("select model from model").fetchall()
    assert scored == [("paper", "AlexNet-random0"), ("sound", "AlexNet-random0")]
    assert known == [("AlexNet-random0",)]
    again = networks.run()
    assert again.returncode == 1, "it is tried again, and told again"
    assert "Nothing to do" in again.stdout
    networks.change('weights = "random"', 'weights = "random"\nskip_bad = true')
    mended = networks.run()
    assert mended.returncode == 0, mended.stderr
    for protocol in ("sound", "paper"):
        skipped = f"Skipped layers of repvgg_a2-random0, protocol {protocol}: final_conv, stages_2, stages_3"
        assert skipped in mended.stderr
    assert "Extracting RDMs of networks: 2 to do, 2 done before" in mended.stderr, "AlexNet had no bad layer"
    with Warehouse.open(networks.warehouse) as opened:
        found = opened.sql("select distinct layer from layer where model like 'repvgg%'").fetchall()
    layers = {layer for (layer,) in found}
    assert layers
    assert not layers & {"final_conv", "stages_2", "stages_3"}


def test_a_dry_run_estimates_and_changes_nothing(networks: Any) -> None:
    networks.change('"repvgg_a2"', '"ResNet34"')
    networks.file.write_text(networks.file.read_text() + '[compute]\nscratch = "5GB"\n')
    dry = networks.alignhouse("ingest", "networks", "study.toml", "--dry-run", "--stimuli", "1102")
    assert dry.returncode == 0, dry.stderr
    rows = {line.split()[0]: line.split() for line in dry.stdout.splitlines() if line.split()}
    # Explicit layers: 14 of AlexNet under sound, 7 of them under paper; a feature has four bytes.
    assert rows["AlexNet"][1] == "14"
    assert int(rows["AlexNet"][-1]) > 1, "9 GB do not fit into 5"
    assert "2 networks, 1,102 stimuli, protocols sound, paper" in dry.stdout
    assert "Allowed: 5.0 GB of scratch, 8.0 GB of memory." in dry.stdout
    assert not networks.warehouse.exists()
