"""Measures the peak memory of commands, for several values of compute.memory, over what a tiny study takes.

    python benchmarks/memory/measure.py FOLDER [--conditions 500] [--memory 200MB 500MB 1GB 2GB 4GB]
    python benchmarks/memory/measure.py FOLDER --extraction [--stimuli 60] [--memory 100MB 200MB 500MB 1GB]

The first measures a study of RDM files: 10 regions of 8 subjects, 4 networks of 60 layers, random numbers.
The second measures the extraction of a small network with 3.2 million features for each image. The base is
the peak of the same command in a study of 12 conditions (or of 6 images), with the same libraries.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
from processes import measured

N_SUBJECTS, N_REGIONS, N_NETWORKS, N_LAYERS = 8, 10, 4, 60
LEAST = 12, 6
# Command -> its arguments; each continues where the one before it ended.
STAGES = {
    "ingest networks": ("ingest", "networks", "study.toml"),
    "analyse rsa": ("analyse", "rsa", "study.toml"),
    "analyse uncertainty": ("analyse", "uncertainty", "study.toml"),
    "report": ("report", "report", "--warehouse", "memory.alignhouse"),
}
STUDY = """\
[study]
warehouse = "memory.alignhouse"
[brain]
kind = "rdms"
path = "brain"
dataset = "memory"
synthetic = true
conditions = "stimulus_order"
[stimuli]
path = "stimuli"
[networks]
{networks}
[analysis]
protocols = ["sound"]
permutations = 100
bootstraps = 50
halvings = 2
[report]
path = "report"
[compute]
memory = "{memory}"
"""
OWN = """\
include = []
[networks.own.wide]
source = "function"
id = "wide_network:wide"
weights = "random"
"""
# Four layers of 64 x 112 x 112 values, a few thousand weights.
WIDE = """\
import numpy as np
import torch
from torch import nn


def transform(image):
    pixels = np.asarray(image.convert("RGB").resize((224, 224)), dtype=np.float32)
    return torch.from_numpy(pixels / 255).permute(2, 0, 1)


def wide():
    layers = [nn.Sequential(nn.Conv2d(3, 64, 3, stride=2, padding=1), nn.ReLU())]
    layers += [nn.Sequential(nn.Conv2d(64, 64, 1), nn.ReLU()) for _ in range(3)]
    return nn.Sequential(*layers), transform, "wide"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--conditions", type=int, default=500)
    parser.add_argument("--extraction", action="store_true")
    parser.add_argument("--stimuli", type=int, default=60)
    parser.add_argument("--memory", nargs="+", default=["200MB", "500MB", "1GB", "2GB", "4GB"])
    given = parser.parse_args()
    own = given.extraction
    count = given.stimuli if own else given.conditions
    stages = ["ingest networks"] if own else list(STAGES)
    print(f"| compute.memory | command | peak | base | peak - base |\n|{'---|' * 5}")
    base = peaks(given.folder / "least", LEAST[own], "200MB", stages, extraction=given.extraction)
    for memory in given.memory:
        found = peaks(given.folder / memory, count, memory, stages, extraction=own)
        for stage in stages:
            over = found[stage] - base[stage]
            print(f"| {memory} | {stage} | {found[stage]:,.0f} MB | {base[stage]:,.0f} MB | {over:,.0f} MB |")
        sys.stdout.flush()


def peaks(folder: Path, count: int, memory: str, stages: list[str], *, extraction: bool) -> dict[str, float]:
    """Stage -> peak megabytes of its process, in a new study of `count` stimuli; the study is removed."""
    folder.mkdir(parents=True)
    write_stimuli(folder / "stimuli", count)
    if extraction:
        write_rdms(folder, count, n_regions=1, n_networks=0)
        (folder / "wide_network.py").write_text(WIDE, encoding="utf-8")
    else:
        write_rdms(folder, count, n_regions=N_REGIONS, n_networks=N_NETWORKS)
    networks = OWN if extraction else 'rdms = "models"\nconditions = "stimulus_order"'
    (folder / "study.toml").write_text(STUDY.format(networks=networks, memory=memory), encoding="utf-8")
    found = {
        stage: measured([sys.executable, "-m", "alignhouse", *STAGES[stage]], folder)[1] for stage in stages
    }
    shutil.rmtree(folder)
    return found


def write_stimuli(folder: Path, count: int) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"image_{number:04d}.png")


def write_rdms(folder: Path, count: int, *, n_regions: int, n_networks: int) -> None:
    """Random condensed RDMs, float64: brain/REGION.npz (subjects), models/NETWORK/rdms.npz (layers)."""
    rng = np.random.default_rng(1)
    pairs = count * (count - 1) // 2
    (folder / "brain").mkdir()
    for region in range(n_regions):
        np.savez(folder / "brain" / f"region{region}.npz", rdms=rng.random((N_SUBJECTS, pairs)))
    for network in range(n_networks):
        place = folder / "models" / f"network{network}"
        place.mkdir(parents=True)
        np.savez(place / "rdms.npz", **{f"layer{layer:02d}": rng.random(pairs) for layer in range(N_LAYERS)})


if __name__ == "__main__":
    main()
