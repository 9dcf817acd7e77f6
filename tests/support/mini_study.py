"""A study that runs in a second: betas in the real layout, tiny pictures, precomputed model RDMs."""

from __future__ import annotations

import pickle
import subprocess
from pathlib import Path

import numpy as np
from command_line import alignhouse, alignhouse_process, start_alignhouse
from PIL import Image

from alignhouse.warehouse import Warehouse

N_STIMULI = 12
NETWORKS = ("AlexNet", "vit_base_patch16_224", "my_own")
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

RUN = ("run", "study.toml", "--no-report")
# The stage of stimuli, brain data and given RDMs.
INGEST = ("ingest", "inputs", "study.toml")
# All stages until scores and their tests.
SCORE = ("analyse", "rsa", "study.toml")
# Resamples take almost half of the time of a run.
WITHOUT_RESAMPLES = ("permutations = 50", "permutations = 50\nbootstraps = 0\nhalvings = 0")
# A change of the study for tests that need the results of a single protocol.
ONE_PROTOCOL = ('["sound", "paper"]', '["sound"]')


class MiniStudy:
    """The folder of a miniature study and how to run the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "study.toml"
        self.warehouse = folder / "mini.alignhouse"
        # The standard error of the shared study's run.
        self.said = folder / "said.txt"

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
        layers = {f"layer{i}": rng.random(pairs) for i in range(4)}
        np.savez(folder / "rdms.npz", **layers, conditions=[f"{1001 + i}" for i in range(N_STIMULI)])

    def alignhouse(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The command line in the study's folder, in this process."""
        return alignhouse(*arguments, folder=self.folder, stdin=stdin)

    def process(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The command line in its own process."""
        return alignhouse_process(*arguments, folder=self.folder)

    def start(self, *arguments: str, stderr: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start the command line in its own process, without waiting for its end."""
        return start_alignhouse(*arguments, folder=self.folder, stderr=stderr)

    def run(self) -> subprocess.CompletedProcess[str]:
        return self.alignhouse(*RUN)

    def registered(self) -> list[tuple[str, str]]:
        """Path and sha256 of every file that the warehouse has registered."""
        with Warehouse.open(self.warehouse) as opened:
            return opened.sql("select path, sha256 from artifact order by path").fetchall()

    def state(self) -> dict[str, bytes]:
        """Every file of the warehouse with its content, except the lock, the cache of hashes and logs."""
        passing = {"lock", "hashes.json"}
        return {
            path.relative_to(self.warehouse).as_posix(): path.read_bytes()
            for path in sorted(self.warehouse.rglob("*"))
            if path.is_file() and path.name not in passing and path.parent.name != "logs"
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
    """A miniature study in its own folder."""
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
    for seed, network in enumerate(NETWORKS):
        study.add_network(network, seed)
    study.file.write_text(STUDY, encoding="utf-8")
    return study
