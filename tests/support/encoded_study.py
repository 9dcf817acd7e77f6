"""The miniature study with features of one network, voxel encoding over folds, and control models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mini_study import N_STIMULI, MiniStudy
from numpy.typing import NDArray

NAMES = [f"{1001 + number}" for number in range(N_STIMULI)]
CONTROLS = """
[controls]
include = ["embeddings", "hog"]
embeddings = "words.csv"
"""


def encode_features(study: MiniStudy, names: Sequence[str]) -> None:
    """Make it a study of features of the stimuli `names`, with voxel encoding and a file of embeddings."""
    random = np.random.default_rng(3)
    folder = study.folder / "features" / "my_own"
    folder.mkdir(parents=True)
    for layer, width in {"one": 30, "two": 7}.items():
        features = random.normal(size=(len(names), width)) + 2
        np.savez(folder / f"{layer}.npz", features=features, conditions=names)
    study.change('rdms = "models"', 'features = "features"')
    study.change('protocols = ["sound", "paper"]', 'protocols = ["sound"]')
    study.change("permutations = 50", "permutations = 50\nbootstraps = 20\nhalvings = 0")
    study.change("[report]", "[encoding]\nvoxels = true\nrefits = 0\n[report]")
    write_embeddings(study, names, random.normal(size=(len(names), 3)))


def write_embeddings(study: MiniStudy, names: Sequence[str], embeddings: NDArray[np.float64]) -> None:
    lines = [",".join([name, *map(str, row)]) for name, row in zip(names, embeddings.tolist(), strict=True)]
    (study.folder / "words.csv").write_text("\n".join(["stimulus,x,y,z", *lines]), encoding="utf-8")


def add_controls(study: MiniStudy) -> None:
    """Add the section [controls] to the study file."""
    study.file.write_text(study.file.read_text(encoding="utf-8") + CONTROLS, encoding="utf-8")
