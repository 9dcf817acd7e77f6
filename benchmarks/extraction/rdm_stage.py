"""Compares scikit-learn's PCA with the Gram matrix: from features on disk to the RDM of one layer.

    python benchmarks/extraction/rdm_stage.py [--stimuli 102] [--width 1000000] [--rounds 3]

Both read files: one .npz per stimulus, and the spool. They alternate in one process.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import straightforward
import torch

from alignhouse.ingest.features.recipe import layer_rdm
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.features.spool import Spool

MEMORY = 4e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--stimuli", type=int, default=102)
    parser.add_argument("--width", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    # A few common patterns and noise, all positive, like features after an activation.
    mixing = rng.normal(size=(arguments.stimuli, 12)).astype(np.float32)
    patterns = rng.normal(size=(12, arguments.width)).astype(np.float32)
    with tempfile.TemporaryDirectory() as name, Spool(Path(name)) as spool:
        files = []
        for stimulus in range(arguments.stimuli):
            row = mixing[stimulus] @ patterns + rng.normal(size=arguments.width).astype(np.float32)
            row = np.maximum(row, 0)
            files.append(Path(name) / f"{stimulus:04d}.npz")
            np.savez(files[-1], layer=row)
            spool.append({"layer": torch.from_numpy(row)}, str(stimulus))
        for reduction in ("pca", "none"):
            _compare(files, spool, ExtractionSettings(reduction=reduction), arguments.rounds)


def _compare(files: list[Path], spool: Spool, settings: ExtractionSettings, rounds: int) -> None:
    seconds: dict[str, list[float]] = {"plain": [], "gram": []}
    for _ in range(rounds):
        began = time.perf_counter()
        plain = straightforward.rdms(files, settings)["layer"]
        between = time.perf_counter()
        ours = layer_rdm(spool.layers[0], settings, MEMORY)
        seconds["plain"].append(between - began)
        seconds["gram"].append(time.perf_counter() - between)
    exact = straightforward.rdms(files, settings, dtype=np.float64)["layer"]
    upper = np.triu_indices(len(files), 1)
    medians = {way: statistics.median(each) for way, each in seconds.items()}
    what = "PCA, then 1 - Pearson" if settings.reduction == "pca" else "1 - Pearson"
    off = {"plain": np.abs(plain[upper] - exact[upper]).max(), "gram": np.abs(ours - exact[upper]).max()}
    print(f"{what}, n = {len(files)}, D = {spool.layers[0].width:,}")
    print(f"  plain {medians['plain']:.2f} s, Gram {medians['gram']:.2f} s", end="; ")
    print(f"ratio {medians['plain'] / medians['gram']:.1f}", end="; ")
    print(f"difference from the plain way in float64: plain {off['plain']:.1e}, Gram {off['gram']:.1e}")


if __name__ == "__main__":
    main()
