"""The benchmark of voxel encoding runs on small settings, and both libraries give equal results."""

from __future__ import annotations

import os
import re
import runpy
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "encoding" / "measure.py"


def test_encoding_beside_himalaya(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--train", "60", "--test", "12", "--voxels", "300", "--layers", "2", "--region", "50"]
    little = ["--rounds", "1", "--batch", "100", "--permutations", "20", "--memory", "1"]
    monkeypatch.setattr(sys, "argv", [str(BENCHMARK), *sizes, *little])
    # For the processes that the benchmark starts.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    monkeypatch.syspath_prepend(str(BENCHMARK.parent))
    runpy.run_path(str(BENCHMARK), run_name="__main__")
    said = capsys.readouterr().out
    assert re.search(r"himalaya / gcv: [\d.]+", said)
    [differs] = re.findall(r"k folds and himalaya .* differs by (\S+) \(median\)", said)
    assert float(differs) < 1e-4
    assert re.search(r"memory +1 MB: +-?\d+ MB beside the layers, of at most +\d+ MB", said)
    assert "20 permutations and draws" in said
