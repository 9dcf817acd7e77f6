"""Run the tests of a module against its mutants: `make mutants`, or `make mutants MODULE=warehouse/jobs.py`.

Each mutant is tried in a copy of the tree below `.mutants`, in a process forked after the large libraries
were imported. Killed mutants are remembered there; survivors are tried again by the next run.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import importlib
import json
import os
import random
import shutil
import signal
import sys
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCRATCH = ROOT / ".mutants"
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.alignhouse", "docs")
# Imported once, before the forks; none of them starts a thread by being imported.
LARGE = (
    "numpy",
    "scipy.stats",
    "duckdb",
    "polars",
    "pyarrow.parquet",
    "pydantic.main",
    "hypothesis",
    "typer.testing",
)
# Also imported, if they are installed: tests compare with them.
COMPARED = ("rsatoolbox", "statsmodels.stats.multitest")
OPTIONS = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:unraisableexception"]
# A mutant that takes this much longer than the module itself has hung.
TIMES, SECONDS = 3.0, 10.0


@dataclass
class Tree:
    """A copy of the tree for one process at a time."""

    folder: Path
    tried: int = 0
    process: int | None = None
    ends: float = 0.0
    given: tuple[int, str, str] = field(default=(0, "", ""))

    def start(self, module: str, text: str, tests: list[str], seconds: float) -> None:
        """Run the tests with `text` as the module."""
        path = self.folder / module
        path.write_text(text, encoding="utf-8")
        # Python takes a compiled file for that of a source of the same size and second.
        self.tried += 1
        os.utime(path, (2_000_000_000 + self.tried, 2_000_000_000 + self.tried))
        self.ends = time.monotonic() + seconds
        self.process = os.fork() or _run_tests(self.folder, tests)

    def ended(self) -> str | None:
        """None while the tests run, then "survived", "killed" or "timeout"."""
        assert self.process is not None
        process, status = os.waitpid(self.process, os.WNOHANG)
        if process:
            _kill_group(self.process)
            # 0: passed. 5: no test was found. 1: a test failed; others: the module cannot be imported.
            code = os.waitstatus_to_exitcode(status)
            return "survived" if code == 0 else "killed"
        if time.monotonic() < self.ends:
            return None
        _kill_group(self.process)
        os.waitpid(self.process, 0)
        return "timeout"


def _run_tests(folder: Path, tests: list[str]) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setsid()
    os.chdir(folder)
    output = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ |= {"PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    sys.path.insert(0, str(folder))
    # Compiled files of the other modules save half of a mutant's time.
    sys.dont_write_bytecode = False
    code = 3
    try:
        code = int(pytest.main([*OPTIONS, f"--basetemp={folder}.tmp", f"--rootdir={folder}", *tests]))
        sys.stdout.flush()
    finally:
        os._exit(code)


def _kill_group(process: int) -> None:
    try:
        os.killpg(process, signal.SIGKILL)
    except ProcessLookupError:
        return


def baseline(tree: Tree, module: str, tests: list[str]) -> float:
    """The seconds that the tests take on the module itself; they must pass."""
    begun = time.monotonic()
    tree.start(module, (ROOT / module).read_text(encoding="utf-8"), tests, 3600)
    while (ended := tree.ended()) is None:
        time.sleep(0.05)
    if ended != "survived":
        sys.exit(f"the tests of {module} fail without a mutant: see {tree.folder}/output.txt")
    return time.monotonic() - begun


def try_all(
    module: str, tests: list[str], sample: int | None, trees: list[Tree], argued: dict[str, str]
) -> str:
    """Try the mutants of a module; the line that sums them up."""
    from mutations import mutants

    original = (ROOT / module).read_text(encoding="utf-8")
    todo = mutants(ROOT / module)
    number = len(todo)
    if sample is not None and sample < number:
        todo = random.Random(module).sample(todo, sample)
    notes = SCRATCH / "results" / module.replace("/", "-")
    notes.parent.mkdir(parents=True, exist_ok=True)
    killed: set[str] = set(notes.read_text(encoding="utf-8").split()) if notes.exists() else set()
    counts = {"killed": 0, "argued": 0, "survived": 0}
    left = []
    for mutant in todo:
        name = hashlib.sha256(mutant.text.encode()).hexdigest()[:16]
        known = "killed" if name in killed else "argued" if mutant.change in argued else ""
        if known:
            counts[known] += 1
        else:
            left.append((mutant, name))
    if left:
        seconds = TIMES * baseline(trees[0], module, tests) + SECONDS
    idle, busy = list(trees), list[Tree]()
    try:
        while left or busy:
            while left and idle:
                (mutant, name), tree = left.pop(0), idle.pop()
                tree.given = (mutant.line, mutant.change, name)
                tree.start(module, mutant.text, tests, seconds)
                busy.append(tree)
            for tree in list(busy):
                if (ended := tree.ended()) is None:
                    continue
                busy.remove(tree)
                idle.append(tree)
                line, change, name = tree.given
                if ended == "survived":
                    counts["survived"] += 1
                    print(f"{module}:{line}: {change}", flush=True)
                else:
                    counts["killed"] += 1
                    with notes.open("a", encoding="utf-8") as file:
                        file.write(f"{name}\n")
            time.sleep(0.02)
    finally:
        for tree in busy:
            _kill_group(tree.process or 0)
        for tree in trees:
            (tree.folder / module).write_text(original, encoding="utf-8")
    tried = f"{len(todo)} of {number}" if len(todo) < number else str(number)
    return f"{module}: {tried} mutants, " + ", ".join(f"{count} {name}" for name, count in counts.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", help="all that modules.toml lists, if none is named")
    parser.add_argument(
        "--sample", type=int, help="try no more mutants of a module, drawn with its name as seed"
    )
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    # So that the copies of the tree are removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("stopped"))
    listed = tomllib.loads((HERE / "modules.toml").read_text(encoding="utf-8"))
    survivors = json.loads((HERE / "survivors.json").read_text(encoding="utf-8"))
    os.environ |= {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    for name in LARGE:
        importlib.import_module(name)
    for name in COMPARED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    # The forks share these objects; collecting them again in each would take longer than many tests.
    gc.freeze()
    trees = []
    for index in range(options.processes):
        trees.append(Tree(SCRATCH / f"tree-{os.getpid()}-{index}"))
        shutil.copytree(ROOT, trees[-1].folder, symlinks=True, ignore=LEFT_OUT)
    try:
        for module in options.modules or listed:
            argued = survivors.get(module, {})
            print(try_all(module, listed[module], options.sample, trees, argued), flush=True)
    finally:
        gc.unfreeze()
        for tree in trees:
            shutil.rmtree(tree.folder, ignore_errors=True)
            shutil.rmtree(f"{tree.folder}.tmp", ignore_errors=True)


if __name__ == "__main__":
    main()
