"""The wheel: its contents, and a whole study in an environment with its base dependencies only."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import spearmanr

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ROOMS = ("analysis", "ingest", "sql", "warehouse")
# Packages of the extra `networks`, which a base installation must not need.
HEAVY = ("torch", "torchvision", "timm", "mmaction", "decord", "av")
N_STIMULI, N_SUBJECTS, N_LAYERS = 10, 3, 3
REGIONS = ("EVC", "IT")
NETWORKS = ("AlexNet", "my_own")
STUDY = """\
[study]
warehouse = "mine.alignhouse"
[brain]
kind = "rdms"
path = "brain"
dataset = "mine"
conditions = "stimulus_order"
[stimuli]
path = "stimuli"
[networks]
rdms = "models"
conditions = "stimulus_order"
[analysis]
permutations = 50
bootstraps = 20
halvings = 5
[report]
path = "report"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, the wheel built from it, and, in `tree/`, the wheel of the repository."""
    folder = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "build", "--no-isolation", str(ROOT), "--outdir"]
    checked([*build, str(folder)])
    checked([*build, str(folder / "tree"), "--wheel"])
    return folder


def checked(command: list[str], cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def wheel_in(folder: Path) -> Path:
    [wheel] = folder.glob("*.whl")
    return wheel


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files_of_the_package() -> dict[str, bytes]:
    """Every file of `alignhouse/` and the rooms, except ignored ones, with its name in the package."""
    list_files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = checked([*list_files, "alignhouse", *ROOMS], cwd=ROOT).split("\0")
    return {
        name if name.startswith("alignhouse/") else f"alignhouse/{name}": (ROOT / name).read_bytes()
        for name in listed
        if name and not (ROOT / name).is_symlink()
    }


def test_the_wheel_holds_one_package_and_all_of_its_files(built: Path) -> None:
    found = contents(wheel_in(built))
    assert {name.split("/")[0] for name in found} == {"alignhouse", "alignhouse-0.1.0.dist-info"}
    package = {name: data for name, data in found.items() if name.startswith("alignhouse/")}
    expected = files_of_the_package()
    assert sorted(package) == sorted(expected)
    assert package == expected
    assert "alignhouse/py.typed" in package
    suffixes = {Path(name).suffix for name in package}
    assert {".py", ".sql", ".csv", ".toml", ".j2", ".css", ".js"} <= suffixes
    assert not [name for name in package if Path(name).name.startswith(("test_", "conftest"))]


def test_the_wheel_names_its_licence(built: Path) -> None:
    found = contents(wheel_in(built))
    metadata = found["alignhouse-0.1.0.dist-info/METADATA"].decode()
    assert "License-Expression: BSD-3-Clause\n" in metadata
    assert found["alignhouse-0.1.0.dist-info/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()


def test_the_sdist_builds_the_wheel_of_the_repository(built: Path) -> None:
    from_sdist, from_tree = contents(wheel_in(built)), contents(wheel_in(built / "tree"))
    assert from_sdist == from_tree
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        links = [each.name for each in archive if each.issym() or each.islnk()]
    assert {"LICENSE", "CITATION.cff", "README.md", "tests/test_floors.py", "docs/methods.md"} <= names
    assert not links


@dataclass(frozen=True)
class Installed:
    """An environment with the installed wheel, and a study in a folder with modules named like rooms."""

    bin: Path
    folder: Path
    brains: Mapping[str, np.ndarray]
    layers: Mapping[tuple[str, str], np.ndarray]

    def run(self, *command: str) -> str:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        program, *arguments = command
        return checked([str(self.bin / program), *arguments], self.folder, environment)


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    environment = tmp_path_factory.mktemp("environment")
    checked([sys.executable, "-m", "venv", str(environment)])
    constraints = str(ROOT / "constraints.txt")
    pip = [
        str(environment / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--constraint",
        constraints,
    ]
    checked([*pip, str(wheel_in(built))])
    folder = tmp_path_factory.mktemp("mine")
    brains, layers = write_study(folder)
    return Installed(environment / "bin", folder, brains, layers)


def write_study(folder: Path) -> tuple[dict[str, np.ndarray], dict[tuple[str, str], np.ndarray]]:
    """A study of RDM files next to the user's own modules; returns its condensed brain and model RDMs."""
    (folder / "analysis").mkdir()
    for module in ("analysis/__init__.py", "ingest.py", "sql.py", "warehouse.py"):
        (folder / module).write_text(f"raise AssertionError('{module} was imported')\n", encoding="utf-8")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    rng = np.random.default_rng(0)
    pairs = N_STIMULI * (N_STIMULI - 1) // 2
    brains = {region: rng.random((N_SUBJECTS, pairs)) for region in REGIONS}
    layers = {(network, f"layer{i}"): rng.random(pairs) for network in NETWORKS for i in range(N_LAYERS)}
    for name in ("brain", "stimuli", "models"):
        (folder / name).mkdir()
    for region, rdms in brains.items():
        np.savez(folder / "brain" / f"{region}.npz", rdms=rdms)
    for network in NETWORKS:
        (folder / "models" / network).mkdir()
        own = {layer: rdm for (of, layer), rdm in layers.items() if of == network}
        np.savez(folder / "models" / network / "rdms.npz", **own)
    for number in range(N_STIMULI):
        pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "stimuli" / f"image_{number + 1:02d}.png")
    return brains, layers


def test_the_environment_has_the_base_dependencies_only(installed: Installed) -> None:
    code = f"import importlib.util as u; print([name for name in {HEAVY!r} if u.find_spec(name)])"
    assert installed.run("python", "-c", code).strip() == "[]"


def test_every_public_name_loads_without_the_networks(installed: Installed) -> None:
    code = "import alignhouse; print(all(getattr(alignhouse, name) for name in alignhouse.__all__))"
    assert installed.run("python", "-c", code).strip() == "True"


def test_a_study_of_rdm_files_runs_to_its_report_beside_modules_of_the_same_names(
    installed: Installed,
) -> None:
    # `python -m` puts the current folder, with the user's own modules, first on the path.
    installed.run("python", "-m", "alignhouse", "run", "study.toml")
    page = (installed.folder / "report" / "index.html").read_text(encoding="utf-8")
    assert all(network in page for network in NETWORKS)
    assert "Nothing to do" in installed.run("alignhouse", "run", "study.toml", "--no-report")
    assert "All checks passed." in installed.run("alignhouse", "check")
    query = "select model, layer, roi, subject, rho from alignment order by all"
    rows = list(csv.DictReader(io.StringIO(installed.run("alignhouse", "sql", query, "--format", "csv"))))
    assert len(rows) == len(NETWORKS) * N_LAYERS * len(REGIONS) * N_SUBJECTS
    subjects = sorted({row["subject"] for row in rows})
    for row in rows:
        brain = installed.brains[row["roi"]][subjects.index(row["subject"])]
        expected = spearmanr(brain, installed.layers[row["model"], row["layer"]]).statistic
        assert float(row["rho"]) == pytest.approx(expected, abs=1e-9)


def test_the_readme_opens_the_warehouse_by_the_one_name(installed: Installed) -> None:
    installed.run("alignhouse", "run", "study.toml", "--no-report")
    code = (
        "import alignhouse\n"
        "with alignhouse.open('mine.alignhouse') as warehouse:\n"
        "    best = warehouse.ask('best_layer', roi='IT')\n"
        "print(sorted(best['model']))"
    )
    assert installed.run("python", "-c", code).strip() == str(sorted(NETWORKS))
