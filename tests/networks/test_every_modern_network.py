"""Builds every network of the second catalog and runs it on short clips, each in its own process.

Run with `make test-networks`. Stated parameters must equal those counted, and RDMs those of features from
simple hooks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from alignhouse.ingest.models.modern import modern

# Half a minute and more for each clip of its own 64 frames.
LONG_CLIPS = {"V-JEPA2-ViT-L16"}
ONE_NETWORK = Path(__file__).parents[2] / "benchmarks" / "extraction" / "one_network.py"


@pytest.mark.networks
@pytest.mark.parametrize("name", modern())
def test_a_modern_network_is_built_and_gives_the_rdms_of_the_plain_way(name: str) -> None:
    command = [sys.executable, str(ONE_NETWORK), name, "--frames", "2", "--protocols", "sound", "--plain"]
    if name in LONG_CLIPS:
        command += ["--clip-frames", "4"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["parameters"] == modern()[name]["parameters"]
    assert len(found["layers"]["sound"]) >= 4
    assert not found["skipped"]["sound"], "the dry pass leaves out what has no RDM"
    assert found["difference_from_plain"] < 1e-5
