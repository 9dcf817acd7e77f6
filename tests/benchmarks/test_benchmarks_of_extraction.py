"""The extraction benchmarks run on small settings, and the compared methods give equal results."""

from __future__ import annotations

import csv
import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alignhouse.demo.clips import write_clip

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a benchmark in this process, which has loaded its libraries before; returns what it prints."""

    def ran(script: str, *arguments: str) -> str:
        path = BENCHMARKS / script
        monkeypatch.setattr(sys, "argv", [str(path), *arguments])
        monkeypatch.syspath_prepend(str(path.parent))
        capsys.readouterr()
        runpy.run_path(str(path), run_name="__main__")
        return capsys.readouterr().out

    return ran


def test_the_study_of_all_networks_is_one_command_on_any_device(
    run: Callable[..., str], tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    options = ["--device", "cpu", "--networks", "AlexNet,x3d_s", "--stimuli", "3", "--frames", "2"]
    said = run("gpu_study/run.py", str(table), *options, "--compared", "AlexNet", "--compare", "3")
    with table.open(newline="") as file:
        rows = {row["network"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["AlexNet", "x3d_s"]
    # The peak of this share is also timed, so on a busy machine the share may be 0 or above 1.
    assert all(float(row["frames_a_second"]) > 0 and float(row["share"]) >= 0 for row in rows.values())
    assert "AlexNet: straightforward" in said
    assert "2 networks, 3 stimuli" in said


def test_one_network_is_measured_and_held_to_the_plain_way(run: Callable[..., str]) -> None:
    found = json.loads(run("extraction/one_network.py", "AlexNet", "--frames", "2", "--plain"))
    assert found["layers"]["sound"]["classifier.6"] == 1000
    assert len(found["layers"]["sound"]) == 14
    assert found["difference_from_plain"] < 1e-6
    assert found["peak_megabytes"] > 100


@pytest.fixture(params=["short", pytest.param("real", marks=pytest.mark.slow)])
def videos(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of four generated clips of two frames, or of the clips of the test data."""
    if request.param == "real":
        test_data: Path = request.getfixturevalue("test_data")
        return test_data / "paper_parity" / "clips"
    folder = tmp_path / "clips"
    folder.mkdir()
    for index in range(4):
        frames = np.random.default_rng(index).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
        large = frames.repeat(16, axis=1).repeat(16, axis=2)
        write_clip(large, 24, folder / f"{1001 + index}.mp4")
    return folder


def test_both_ways_from_videos_to_rdms_give_the_same(
    run: Callable[..., str], videos: Path, tmp_path: Path
) -> None:
    found = {}
    for way in ("straightforward", "engine"):
        out = tmp_path / f"{way}.npz"
        result = json.loads(
            run("extraction/one_way.py", way, "AlexNet", str(videos), str(out), "--count", "4")
        )
        assert result["stimuli"] == 4
        with np.load(out) as rdms:
            found[way] = dict(rdms)
    assert list(found["engine"]) == list(found["straightforward"])
    upper = np.triu_indices(4, 1)
    for layer, rdm in found["engine"].items():
        np.testing.assert_allclose(rdm, found["straightforward"][layer][upper], atol=1e-4)


def test_the_rdm_stage_is_that_of_scikit_learn(run: Callable[..., str]) -> None:
    said = run("extraction/rdm_stage.py", "--stimuli", "12", "--width", "3000", "--rounds", "1")
    assert "PCA, then 1 - Pearson, n = 12, D = 3,000" in said
    differences = [float(line.rsplit("Gram ", 1)[1]) for line in said.splitlines() if "Gram" in line]
    assert len(differences) == 2
    assert max(differences) < 1e-9
