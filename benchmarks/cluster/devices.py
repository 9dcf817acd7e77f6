"""Extract eight untrained networks with one worker process and with two, each on one thread of a CPU.

python benchmarks/cluster/devices.py --rounds 3

Prints wall and CPU time of the stage, and the load of the machine. Files are compared to the byte. Pictures
are random, so no figure says anything about brains or networks.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

os.environ.setdefault("OMP_NUM_THREADS", "1")

from alignhouse.ingest.features.jobs import Extraction, extraction_batch, extraction_jobs
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.features.work import with_work
from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.stimuli.videos import find_stimuli
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.executors.devices import Devices
from alignhouse.warehouse.files import sha256_of
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer

NETWORKS = 8
SIDE = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stimuli", type=int, default=24)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = _pictures(Path(folder) / "pictures", asked.stimuli)
        print("| round | workers | wall | CPU | load before | files |\n|---|---|---|---|---|---|")
        for number in range(asked.rounds):
            walls, files = [], []
            for workers in (1, 2):
                load = os.getloadavg()[0]
                root = Path(folder) / f"{number}-{workers}.alignhouse"
                wall, cpu = _extract(root, pictures, workers)
                walls.append(wall)
                files.append({path.name: sha256_of(path) for path in root.rglob("rdms/**/*.parquet")})
                same = "equal" if files[0] == files[-1] else "DIFFERENT"
                print(
                    f"| {number + 1} | {workers} | {wall:.1f} s | {cpu:.1f} s | {load:.1f} | {same} |",
                    flush=True,
                )
            print(f"two workers need {walls[1] / walls[0]:.2f} of the time of one", flush=True)


def _pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(count):
        pixels = random.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return folder


def _extract(root: Path, pictures: Path, workers: int) -> tuple[float, float]:
    """Wall and CPU seconds of the stage, with the start of its workers."""
    with Writer(root, "benchmark") as writer, Run(writer, "benchmark", {}) as run:
        batches = _batches(root, pictures)
        began, cpu = time.monotonic(), _cpu_of_children()
        with Devices(["cpu"] * workers) as devices:
            _, failed = run.try_each("Extracting", batches, devices)
        assert not failed, failed
        return time.monotonic() - began, _cpu_of_children() - cpu


def _cpu_of_children() -> float:
    used = os.times()
    return used.children_user + used.children_system


def _batches(root: Path, pictures: Path) -> list[Batch]:
    stimuli = find_stimuli(pictures, "test")
    hashes = {each.name: sha256_of(each.path) for each in stimuli}
    shared = Extraction(root, stimuli, hashes, "random", 0, "cpu", 10**9, 10**10)
    there = [each for each in catalog().values() if each.source == "torchvision"]
    networks = sorted(there, key=lambda each: each.gflops_counted or 1e9)[:NETWORKS]
    return [
        with_work(
            extraction_batch(
                shared,
                network,
                extraction_jobs(shared, network, [ExtractionSettings()], skip_bad=False),
            ),
            network,
            len(stimuli),
            1.0,
        )
        for network in networks
    ]


if __name__ == "__main__":
    main()
