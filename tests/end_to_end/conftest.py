"""A study that runs in a second: betas in the true layout, tiny pictures, precomputed model RDMs."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

N_STIMULI = 12
PARTS = ("lV1v", "rV1v", "lV1d", "rV1d", "lEBA", "rEBA")
STUDY = """
[study]
warehouse = "mini.alignhouse"
[brain]
kind = "bmd"
path = "betas"
dataset = "mini"
regions = ["V1", "EBA"]
synthetic = true
[stimuli]
path = "stimuli"
[networks]
rdms = "models"
[analysis]
protocols = ["sound", "paper"]
permutations = 50
[report]
path = "report"
"""


class MiniStudy:
    """The folder of a miniature study and how to run the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "study.toml"
        self.warehouse = folder / "mini.alignhouse"

    def betas(self, subject: int, part: str) -> Path:
        name = f"sub-{subject:02d}"
        return self.folder / "betas" / name / f"{name}_roi-{part}_betas_normalized.pkl"

    def change(self, old: str, new: str) -> None:
        text = self.file.read_text(encoding="utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), encoding="utf-8")

    def add_network(self, name: str, seed: int) -> None:
        folder = self.folder / "models" / name
        folder.mkdir(parents=True)
        rng = np.random.default_rng(seed)
        pairs = N_STIMULI * (N_STIMULI - 1) // 2
        np.savez(folder / "rdms.npz", **{f"layer{i}": rng.random(pairs) for i in range(4)})

    def alignhouse(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "alignhouse", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.folder)

    def run(self) -> subprocess.CompletedProcess[str]:
        return self.alignhouse("run", "study.toml", "--no-report")

    def state(self) -> dict[str, bytes]:
        """Every file of the warehouse with its content, the lock and the memory of hashes apart."""
        passing = {"lock", "hashes.json"}
        return {
            path.relative_to(self.warehouse).as_posix(): path.read_bytes()
            for path in sorted(self.warehouse.rglob("*"))
            if path.is_file() and path.name not in passing
        }


def write_betas(path: Path, seed: int, n_stimuli: int = N_STIMULI) -> None:
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {
        "train_data_allvoxel": rng.normal(size=(5, 3, 20)),
        "test_data_allvoxel": rng.normal(size=(n_stimuli, 10, 20)),
    }
    with path.open("wb") as file:
        pickle.dump(data, file)


def mini_study(folder: Path) -> MiniStudy:
    """A miniature study in a folder of its own."""
    study = MiniStudy(folder)
    for subject in (1, 2, 3):
        for number, part in enumerate(PARTS):
            write_betas(study.betas(subject, part), seed=100 * subject + number)
    stimuli = study.folder / "stimuli"
    stimuli.mkdir()
    rng = np.random.default_rng(0)
    for number in range(N_STIMULI):
        pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(stimuli / f"{1001 + number}.png")
    for seed, network in enumerate(("AlexNet", "vit_base_patch16_224", "my_own")):
        study.add_network(network, seed)
    study.file.write_text(STUDY, encoding="utf-8")
    return study


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., MiniStudy]:
    """Makes a miniature study in a folder of its own."""

    def make(name: str = "study") -> MiniStudy:
        return mini_study(tmp_path / name)

    return make


@pytest.fixture(scope="module")
def make_shared_study(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., MiniStudy]:
    """As `make_study`, for studies that are run once for all tests of a file."""

    def make(name: str = "study") -> MiniStudy:
        return mini_study(tmp_path_factory.mktemp("shared") / name)

    return make


@pytest.fixture
def study(make_study: Callable[..., MiniStudy]) -> MiniStudy:
    return make_study()


@pytest.fixture(scope="module")
def shared_study(make_shared_study: Callable[..., MiniStudy]) -> MiniStudy:
    """A miniature study for all tests of a module, which are to leave it as it is once it has run."""
    return make_shared_study()
