"""Makes a study of full size from simulated brains and invented model RDMs, with the real ingest.

    python benchmarks/report/make_study.py FOLDER [--permutations 1000] [--bootstraps 1000] [--networks 99]
                                           [--protocols sound paper]

The study has the names of all 99 networks, with 14 layers each, 17 regions of ten subjects, 20 stimuli and
both protocols. Networks beyond the 99 are called NAME-2, NAME-3 and so on. The numbers have no meaning:
brains and layers are mixtures of two sets of invented features and noise. The data set is called "synthetic"
and is marked as such.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import pickle
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.distance import pdist

from alignhouse.cli import app as cli

ROOT = Path(__file__).parents[2]
STUDY = """
[study]
warehouse = "synthetic.alignhouse"
[brain]
kind = "bmd"
path = "betas"
dataset = "synthetic"
synthetic = true
[stimuli]
path = "stimuli"
[networks]
rdms = "models"
conditions = "stimulus_order"
[analysis]
protocols = {protocols}
permutations = {permutations}
bootstraps = {bootstraps}
[report]
path = "report"
"""
N_STIMULI, N_SUBJECTS, N_LAYERS, N_REGIONS = 20, 10, 14, 17
N_FEATURES, N_VOXELS, N_UNITS = 12, 20, 40
TRAIN_STIMULI, TRAIN_REPETITIONS, TEST_REPETITIONS = 5, 3, 10
BRAIN_NOISE, MODEL_NOISE = 5.0, 3.0

Float = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--bootstraps", type=int, default=1000)
    parser.add_argument("--networks", type=int, default=99)
    parser.add_argument("--protocols", nargs="+", default=["sound", "paper"])
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    (folder / "stimuli").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    low, high = rng.normal(size=(2, N_STIMULI, N_FEATURES))
    for number in range(N_STIMULI):
        pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "stimuli" / f"{1001 + number}.png")
    for place, parts in enumerate(regions()):
        features = mixture(low, high, place / (N_REGIONS - 1))
        for subject in range(1, N_SUBJECTS + 1):
            for part in parts:
                write_betas(folder / "betas", subject, part, patterns(features, N_VOXELS, 0.0, rng), rng)
    for network in networks(arguments.networks):
        noise = MODEL_NOISE * rng.uniform(0.3, 1.5)
        rdms = {}
        for layer in range(N_LAYERS):
            features = mixture(low, high, layer / (N_LAYERS - 1))
            rdms[f"layer{layer:02d}"] = pdist(patterns(features, N_UNITS, noise, rng), "correlation")
        (folder / "models" / network).mkdir(parents=True, exist_ok=True)
        np.savez(folder / "models" / network / "rdms.npz", **rdms)
    file = folder / "study.toml"
    file.write_text(
        STUDY.format(
            permutations=arguments.permutations,
            bootstraps=arguments.bootstraps,
            protocols=json.dumps(arguments.protocols),
        ),
        encoding="utf-8",
    )
    sys.argv = ["alignhouse", "run", str(file), "--no-report"]
    cli.main()


def regions() -> list[list[str]]:
    """The parts of each of the study's 17 regions, in the order of the visual stream: lV1v, rV1v, ..."""
    with (ROOT / "ingest" / "datasets" / "bmd" / "regions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:N_REGIONS]
    return [[side + area for area in row["areas"].split() for side in "lr"] for row in rows]


def networks(number: int) -> list[str]:
    """So many names: the 99 networks of the study, from the catalog, then further versions of each."""
    with (ROOT / "ingest" / "models" / "catalog.csv").open(encoding="utf-8") as file:
        known = [row["name"] for row in csv.DictReader(file) if row["in_study_99"] == "true"]
    versions = itertools.count(2)
    further = (f"{name}-{version}" for version in versions for name in known)
    return list(itertools.islice(itertools.chain(known, further), number))


def mixture(low: Float, high: Float, share: float) -> Float:
    """Interpolate between `low` and `high`, both (n, f); returns (n, f)."""
    return np.asarray((1 - share) * low + share * high)


def patterns(features: Float, n_units: int, noise: float, rng: np.random.Generator) -> Float:
    """Units (n, units) that are random mixtures of the features (n, f)."""
    signal = features @ rng.normal(size=(features.shape[1], n_units))
    return np.asarray(signal + noise * rng.normal(size=signal.shape))


def write_betas(folder: Path, subject: int, part: str, signal: Float, rng: np.random.Generator) -> None:
    """Write the file of one part of a subject in the data set's layout; training betas are only noise."""
    name = f"sub-{subject:02d}"
    path = folder / name / f"{name}_roi-{part}_betas_normalized.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = rng.normal(size=(N_STIMULI, TEST_REPETITIONS, N_VOXELS))
    train = rng.normal(size=(TRAIN_STIMULI, TRAIN_REPETITIONS, N_VOXELS))
    data = {"train_data_allvoxel": train, "test_data_allvoxel": signal[:, None] + BRAIN_NOISE * noise}
    with path.open("wb") as file:
        pickle.dump(data, file)


if __name__ == "__main__":
    main()
