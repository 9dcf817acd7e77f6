"""The floors of the house: a package imports only from floors below it, and light things stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "sql": set(),
    "warehouse": {"warehouse"},
    "ingest": {"ingest", "warehouse"},
    "analysis": {"analysis", "warehouse"},
    "alignhouse": {"alignhouse", "analysis", "ingest", "warehouse"},
}
HEAVY = (
    "torch",
    "torchvision",
    "timm",
    "mmaction",
    "mmcv",
    "mmengine",
    "decord",
    "av",
    "plotnine",
    "matplotlib",
)


def imported_packages(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield (node.module or "").split(".")[0]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_from_floors_below_it(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    faults = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported_packages(path)
        if name in {*MAY_IMPORT, "tests", "benchmarks"} and name not in MAY_IMPORT[package]
    ]
    assert not faults


def test_the_sql_floor_knows_no_python() -> None:
    [only] = (ROOT / "sql").rglob("*.py")
    assert [type(node) for node in ast.parse(only.read_text(encoding="utf-8")).body] == [ast.Expr]


def test_a_file_is_one_room() -> None:
    packages = (ROOT / package for package in MAY_IMPORT)
    lengths = {
        path: len(path.read_text("utf-8").splitlines()) for each in packages for path in each.rglob("*.py")
    }
    assert {path for path, length in lengths.items() if length > 400} == set()


@pytest.mark.parametrize(
    "statement", ["import warehouse, analysis", "import alignhouse.cli", "import ingest"]
)
def test_importing_loads_nothing_heavy(statement: str) -> None:
    code = f"import sys\n{statement}\nprint(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["ask"], ["ask", "best_layer", "--help"], ["figure"]],
    ids=" ".join,
)
def test_the_command_line_works_without_the_networks(arguments: list[str]) -> None:
    missing = "".join(
        f"sys.modules[{name!r}] = None\n" for name in HEAVY if name not in ("plotnine", "matplotlib")
    )
    code = f"import sys\n{missing}from alignhouse.cli import main\nsys.argv[1:] = {arguments!r}\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 3


def test_what_needs_a_missing_package_says_which_and_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "stimuli").mkdir()
    for number in range(4):
        (tmp_path / "stimuli" / f"{number}.mp4").write_bytes(b"")
    (tmp_path / "study.toml").write_text(
        '[brain]\nkind = "rdms"\npath = "."\nconditions = "stimulus_order"\n[stimuli]\npath = "stimuli"\n'
    )
    np.save(tmp_path / "V1.npy", np.random.default_rng(0).random((3, 6)))
    code = (
        "import sys\nsys.modules['decord'] = None\nfrom alignhouse.cli import main\n"
        f"sys.argv[1:] = ['run', {str(tmp_path / 'study.toml')!r}]\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("alignhouse: the package decord is not installed")
    assert "alignhouse[networks]" in done.stderr
