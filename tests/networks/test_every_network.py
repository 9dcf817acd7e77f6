"""Builds every network of the study and runs it on short clips, each in its own process.

Run with `make test-networks`. Names and widths of layers must equal those of expected_widths.csv, measured
earlier with the same libraries. RDMs must equal those of features from simple hooks.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from alignhouse.ingest.models.catalog import catalog

ONE_NETWORK = Path(__file__).parents[2] / "benchmarks" / "extraction" / "one_network.py"
STUDY = [name for name, network in catalog().items() if network.in_study_99]


@cache
def expected_widths() -> dict[str, dict[str, dict[str, int]]]:
    """Network -> protocol -> layer -> width; networks without rows for "paper" have the layers of "sound"."""
    found: dict[str, dict[str, dict[str, int]]] = defaultdict(lambda: {"sound": {}, "paper": {}})
    with Path(__file__).with_name("expected_widths.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            found[row["network"]][row["protocol"]][row["layer"]] = int(row["width"])
    return {
        name: {"sound": each["sound"], "paper": each["paper"] or each["sound"]}
        for name, each in found.items()
    }


def test_all_99_are_expected() -> None:
    assert len(STUDY) == 99
    assert set(STUDY) <= set(expected_widths())


@pytest.mark.networks
@pytest.mark.parametrize("name", STUDY)
def test_a_network_of_the_study_gives_its_layers_and_the_rdms_of_the_plain_way(name: str) -> None:
    command = [sys.executable, str(ONE_NETWORK), name, "--plain"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for protocol in ("sound", "paper"):
        layers, skipped = found["layers"][protocol], found["skipped"][protocol]
        # A layer with one value that is the same for all stimuli has no RDM (UniFormerV2's sigmoid).
        expected = {
            layer: width
            for layer, width in expected_widths()[name][protocol].items()
            if layer not in catalog()[name].not_tapped
        }
        assert sorted([*layers, *skipped]) == sorted(expected)
        assert list(layers) == [layer for layer in expected if layer not in skipped]
        assert layers == {layer: width for layer, width in expected.items() if layer not in skipped}
    assert found["difference_from_plain"] < 1e-5
