"""Compares the engine with the straightforward way: wall time, peak memory and difference of RDMs.

    python benchmarks/extraction/measure.py VIDEOS [--networks ResNet50,slowfast_r50_mma] [--rounds 3]
                                            [--device cpu] [--count N]

Both ways alternate, each in its own process. The time excludes building the network.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

WAYS = ("straightforward", "engine")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("videos", type=Path)
    parser.add_argument("--networks", default="ResNet50,slowfast_r50_mma")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--count", type=int, help="number of videos; default: all")
    arguments = parser.parse_args()
    sums = dict.fromkeys(WAYS, 0.0)
    print(
        "| network | way | seconds (all rounds) | of RDMs | peak MB | ratio | RDMs differ by | ranks agree |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for network in arguments.networks.split(","):
        runs, apart, ranks = _rounds(network, arguments)
        medians = {way: statistics.median(run["seconds"] for run in runs[way]) for way in WAYS}
        for way in WAYS:
            sums[way] += medians[way]
            seconds = ", ".join(f"{run['seconds']:.1f}" for run in runs[way])
            rdms = runs[way][0]["seconds_of_rdms"]
            peak = max(run["peak_megabytes"] for run in runs[way])
            ratio = f"{medians[WAYS[0]] / medians[way]:.2f}" if way == "engine" else ""
            difference = f"{apart:.1e}" if way == "engine" else ""
            agreement = f"{ranks:.6f}" if way == "engine" else ""
            shown = f"{rdms:.1f}" if rdms else ""
            print(
                f"| {network} | {way} | {seconds} | {shown} | {peak} | {ratio} | {difference} "
                f"| {agreement} |",
                flush=True,
            )
    print(
        f"| all | | {sums[WAYS[0]]:.1f} / {sums['engine']:.1f} "
        f"| | | {sums[WAYS[0]] / sums['engine']:.2f} | | |"
    )


def _rounds(
    network: str, arguments: argparse.Namespace
) -> tuple[dict[str, list[dict[str, Any]]], float, float]:
    """All runs of each way; the largest difference between their RDMs, and the lowest rank correlation."""
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name:
        for _ in range(arguments.rounds):
            for way in WAYS:
                runs[way].append(_run(way, network, Path(name) / f"{way}.npz", arguments))
        with np.load(Path(name) / "straightforward.npz") as plain, np.load(Path(name) / "engine.npz") as ours:
            if sorted(plain.files) != sorted(ours.files):
                raise SystemExit(f"other layers: {sorted(set(plain.files) ^ set(ours.files))}")
            upper = np.triu_indices(len(plain[plain.files[0]]), 1)
            pairs = [(plain[layer][upper], ours[layer]) for layer in plain.files]
        apart = max(float(np.abs(one - other).max()) for one, other in pairs)
        ranks = min(float(spearmanr(one, other).statistic) for one, other in pairs)
    return runs, apart, ranks


def _run(way: str, network: str, out: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("one_way.py")), way, network]
    command += [str(arguments.videos), str(out), "--device", arguments.device]
    command += ["--count", str(arguments.count)] if arguments.count else []
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
