"""The statistics benchmarks run on small settings, and the compared methods give equal results."""

from __future__ import annotations

import os
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "statistics"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a benchmark in this process, which has loaded its libraries before; returns what it prints."""

    def ran(script: str, *arguments: str) -> str:
        path = BENCHMARKS / script
        monkeypatch.setattr(sys, "argv", [str(path), *arguments])
        # For the processes that a benchmark starts.
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        monkeypatch.syspath_prepend(str(path.parent))
        capsys.readouterr()
        runpy.run_path(str(path), run_name="__main__")
        return capsys.readouterr().out

    return ran


def test_scores_permutations_and_bootstraps_beside_scipy_and_rsatoolbox(run: Callable[..., str]) -> None:
    pytest.importorskip("rsatoolbox")
    sizes = ["--stimuli", "12", "--layers", "20", "--regions", "2", "--brains", "6"]
    little = ["--permutations", "50", "--draws", "20", "--rounds", "1", "--scipy-pairs", "10"]
    theirs = ["--their-draws", "2", "--their-layers", "1", "3"]
    said = run("measure.py", *sizes, *little, *theirs)
    differences = [float(each) for each in re.findall(r"differs by at most (\S+)", said)]
    assert len(differences) == 2
    assert max(differences) < 1e-12
    assert "rows only (paper)" in said
    assert "dual bootstrap, 20 draws" in said


def test_the_command_is_measured_on_a_stored_study(run: Callable[..., str], tmp_path: Path) -> None:
    study = tmp_path / "study"
    sizes = ["--stimuli", "8", "--networks", "4", "--layers", "6", "--regions", "2", "--brains", "5"]
    run("generate.py", str(study), *sizes, "--permutations", "20", "--draws", "20")
    said = run("rsa_command.py", str(study), "--rounds", "1")
    assert "alignment: 60 rows\n" in said  # 6 layers, 5 brains, 2 protocols
    assert "analyse rsa, first: median" in said
    assert "analyse rsa, once more: median" in said


def test_many_stimuli_are_scored_from_what_was_stored(run: Callable[..., str], tmp_path: Path) -> None:
    sizes = ["--stimuli", "9", "--networks", "3", "--layers", "7", "--regions", "2", "--brains", "5"]
    assert "stored 3 networks and 2 regions" in run("many_stimuli.py", str(tmp_path), *sizes, "--store")
    said = run("many_stimuli.py", str(tmp_path), *sizes, "--permutations", "20")
    assert "9 stimuli, 7 layers, 5 brain RDMs, 20 permutations: 3 networks" in said


def test_thousands_of_stimuli_are_scored_in_blocks(run: Callable[..., str], tmp_path: Path) -> None:
    sizes = ["--stimuli", "20", "--layers", "2", "--subjects", "3"]
    assert "stored 2 layers and 3 brain RDMs" in run("in_blocks.py", str(tmp_path), *sizes, "--store")
    for memory, way in (("2e4", "blocks"), ("1e8", "memory")):
        # A job that is done is not done again.
        more = ["--regions", "4", "--permutations", str(len(way)), "--memory", memory]
        said = run("in_blocks.py", str(tmp_path), *sizes, *more)
        assert f"20 stimuli, 2 layers, 12 synthetic brain RDMs, {len(way)} permutations, in {way}" in said


def test_scores_given_controls_are_measured_beside_plain_ones(run: Callable[..., str]) -> None:
    sizes = ["--stimuli", "12", "--layers", "20", "--regions", "2", "--brains", "6", "--controls", "2"]
    said = run("given_controls.py", *sizes, "--permutations", "20", "--draws", "5", "--rounds", "1")
    # Three parts of the scores, their sum, and bootstraps.
    assert len(re.findall(r"x plain", said)) == 5
    assert re.search(r"all given controls +[0-9.]+ s", said)
