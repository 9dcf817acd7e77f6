"""Generates and ingests a study of simulated RDMs, as the input of `alignhouse analyse`.

    python benchmarks/statistics/generate.py FOLDER       # 99 networks, 1,400 layers, 17 regions, 102 stimuli

Writes .npz files of RDMs (as from another lab), small pictures as stimuli, and study.toml. Then it stores
them with `alignhouse ingest networks`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from simulate import n_pairs, rdms, sizes

from alignhouse.ingest.datasets.bmd.regions import resolve
from alignhouse.ingest.models.catalog import catalog

FIRST_OF_TEST = 1001
STUDY = """\
[study]
warehouse = "statistics.alignhouse"
[brain]
kind = "rdms"
path = "brains"
dataset = "simulated"
conditions = "stimulus_order"
synthetic = true
[stimuli]
path = "stimuli"
[networks]
rdms = "models"
conditions = "stimulus_order"
[analysis]
protocols = ["sound", "paper"]
permutations = {permutations}
bootstraps = {draws}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stimuli", type=int, default=102)
    parser.add_argument("--networks", type=int, default=99)
    parser.add_argument("--layers", type=int, default=1400, help="of all networks")
    parser.add_argument("--regions", type=int, default=17)
    parser.add_argument("--brains", type=int, default=220, help="RDMs of all regions and subjects")
    parser.add_argument("--permutations", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=1000)
    given = parser.parse_args()
    pairs = n_pairs(given.stimuli)
    stimuli = given.folder / "stimuli"
    stimuli.mkdir(parents=True)
    for number in range(given.stimuli):
        Image.new("RGB", (2, 2), (number % 256, number // 256, 0)).save(
            stimuli / f"{FIRST_OF_TEST + number}.png"
        )
    regions = [region.name for region in resolve("study", "B")][: given.regions]
    (given.folder / "brains").mkdir()
    for seed, (roi, subjects) in enumerate(zip(regions, sizes(given.brains, len(regions)), strict=True)):
        np.save(given.folder / "brains" / f"{roi}_RDMs.npy", rdms(subjects, pairs, seed=seed))
    names = list(catalog())[: given.networks]
    for seed, (name, layers) in enumerate(zip(names, sizes(given.layers, len(names)), strict=True)):
        folder = given.folder / "models" / name
        folder.mkdir(parents=True)
        of_layers = rdms(layers, pairs, seed=1000 + seed)
        np.savez(folder / "rdms.npz", **{f"layer{i}": rdm for i, rdm in enumerate(of_layers)})
    study = given.folder / "study.toml"
    study.write_text(STUDY.format(permutations=given.permutations, draws=given.draws), encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "alignhouse", "ingest", "networks", "study.toml"],
        cwd=given.folder,
        check=True,
    )


if __name__ == "__main__":
    main()
