"""Measures the whole extraction of a study on one device: every untrained network on generated clips.

    python benchmarks/gpu_study/run.py OUT.csv          # the 99 over 102 videos of 90 frames, on cuda
    python benchmarks/gpu_study/run.py OUT.csv --clips FOLDER               # over videos of one's own
    python benchmarks/gpu_study/run.py OUT.csv --device cpu --networks AlexNet,x3d_s --stimuli 4 --frames 6

First, for five networks and --compare stimuli, it compares the rate with the straightforward way (one frame
per call, hooks set again for each call, features as numpy arrays). Then it prints a line per network and the
total. Shares are relative to the device's rate in a product of large float32 matrices. TensorFloat-32 is
always off.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# As on the command line; torch reads it when it is loaded.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "extraction"))

import straightforward  # noqa: E402
from one_network import clip  # noqa: E402

from alignhouse.ingest.features.extract import extract_rdms_together  # noqa: E402
from alignhouse.ingest.features.inputs import InputMaker  # noqa: E402
from alignhouse.ingest.features.prefetch import made_ahead  # noqa: E402
from alignhouse.ingest.features.settings import ExtractionSettings  # noqa: E402
from alignhouse.ingest.models.build import build  # noqa: E402
from alignhouse.ingest.models.network import Network  # noqa: E402
from alignhouse.ingest.models.selection import select  # noqa: E402
from alignhouse.ingest.stimuli.videos import media_files  # noqa: E402

Video = Path | Callable[[], np.ndarray]
FIVE = ("ResNet50", "vit_base_patch16_224", "slowfast_r50_mma", "tsm_r50", "video_swin_tiny")
COLUMNS = (
    "network",
    "seconds_to_build",
    "seconds_to_extract",
    "frames_a_second",
    "teraflops",
    "share",
    "peak_gb",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--networks", default="all")
    parser.add_argument("--stimuli", type=int, default=102)
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--compare", type=int, default=4, help="stimuli for the comparison; 0: none")
    parser.add_argument("--compared", default=",".join(FIVE))
    parser.add_argument("--in-memory", action="store_true", help="clips need no decoding")
    parser.add_argument("--clips", type=Path, help="a folder of videos of --frames frames each, instead")
    parser.add_argument("--memory", type=float, default=32e9)
    parser.add_argument("--scratch", type=float, default=50e9)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        videos = _videos(arguments, scratch)
        peak = matrix_rate(arguments.device)
        print(f"products of matrices: {peak / 1e12:.1f} TFLOP/s", flush=True)
        if arguments.compare:
            for network in select(arguments.compared.split(",")):
                _compare(network, videos[: arguments.compare], arguments, scratch, peak)
        _study(select(arguments.networks.split(",")), videos, arguments, scratch, peak)


def matrix_rate(device: str) -> float:
    """Floating-point operations per second of float32 matrix products."""
    size = 8192 if device != "cpu" else 2048
    a = torch.randn(size, size, device=device)
    best = float("inf")
    for _ in range(5):
        began = _now(device)
        a @ a
        best = min(best, _now(device) - began)
    return 2 * size**3 / best


def flops(network: Network, n_frames: int, parts: int) -> float:
    """Floating-point operations for one stimulus; a multiply-add counts as two."""
    calls = n_frames if network.takes == "frames" else parts
    return 2e9 * (network.gflops_counted or float("nan")) * calls


def _study(
    networks: Sequence[Network],
    videos: Sequence[Video],
    arguments: argparse.Namespace,
    scratch: Path,
    peak: float,
) -> None:
    began = time.perf_counter()
    failed = []
    # The CPU builds the next network while this one runs.
    built = made_ahead(_built, networks, workers=1, ahead=1)
    with arguments.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for network, (module, seconds) in zip(networks, built, strict=True):
            try:
                row = _extracted(network, module, videos, arguments, scratch, peak)
            except Exception as error:
                # If one network fails, measure the others; the exit code reports the failure.
                failed.append(network.name)
                print(f"{network.name} FAILED: {type(error).__name__}: {error}", flush=True)
                continue
            row["seconds_to_build"] = f"{seconds:.1f}"
            writer.writerow(row)
            file.flush()
            print(*(row[column] for column in COLUMNS), flush=True)
            del module
            if arguments.device != "cpu":
                torch.cuda.empty_cache()
    total = time.perf_counter() - began
    print(f"{len(networks)} networks, {len(videos)} stimuli: {total:.0f} s ({total / 60:.1f} min)")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _built(network: Network) -> tuple[torch.nn.Module, float]:
    began = time.perf_counter()
    return build(network, weights="random"), time.perf_counter() - began


def _extracted(
    network: Network,
    module: torch.nn.Module,
    videos: Sequence[Video],
    arguments: argparse.Namespace,
    scratch: Path,
    peak: float,
) -> dict[str, Any]:
    device = arguments.device
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    began = _now(device)
    [found] = extract_rdms_together(
        network,
        module,
        videos,
        [ExtractionSettings()],
        device=device,
        reader_processes=device != "cpu",
        scratch=scratch,
        scratch_bytes=arguments.scratch,
        memory=arguments.memory,
        skip_bad=True,
        say=lambda line: print(line, flush=True),
    )
    seconds = _now(device) - began
    done = flops(network, arguments.frames, found.notes["parts_averaged"][0]) * len(videos) / seconds
    return {
        "network": network.name,
        "seconds_to_extract": f"{seconds:.1f}",
        "frames_a_second": f"{arguments.frames * len(videos) / seconds:.1f}",
        "teraflops": f"{done / 1e12:.2f}",
        "share": f"{done / peak:.2f}",
        "peak_gb": f"{torch.cuda.max_memory_allocated() / 1e9:.1f}" if device != "cpu" else "",
    }


def _compare(
    network: Network, videos: Sequence[Video], arguments: argparse.Namespace, scratch: Path, peak: float
) -> None:
    """Compare both ways from the same stimuli to RDMs, after a warm-up of each."""
    settings, device = ExtractionSettings(), arguments.device
    module = build(network, weights="random")
    seconds = {}
    for way in ("straightforward", "engine"):
        for timed in (False, True):
            shown = videos if timed else videos[:3]
            began = _now(device)
            if way == "engine":
                extract_rdms_together(
                    network,
                    module,
                    shown,
                    [settings],
                    device=device,
                    reader_processes=device != "cpu",
                    scratch=scratch,
                    skip_bad=True,
                )
            else:
                files = straightforward.save_features(
                    network, module, shown, settings, scratch, device=device
                )
                straightforward.rdms(files, settings)
            seconds[way] = _now(device) - began
    n_frames = arguments.frames * len(videos)
    parts = len(InputMaker(network, settings)(_frames(videos[0])).parts)
    share = flops(network, arguments.frames, parts) * len(videos) / seconds["engine"] / peak
    print(
        f"{network.name}: straightforward {n_frames / seconds['straightforward']:.0f} frames/s, engine "
        f"{n_frames / seconds['engine']:.0f}, ratio {seconds['straightforward'] / seconds['engine']:.1f}, "
        f"{share:.2f} of the rate of matrix products",
        flush=True,
    )


def _videos(arguments: argparse.Namespace, folder: Path) -> list[Video]:
    """The videos of a folder, or generated clips: H.264 files, or frames in memory."""
    if arguments.clips:
        return sorted(path for path, _ in media_files(arguments.clips))[: arguments.stimuli]
    rendered = [(seed, clip(seed, arguments.frames)) for seed in range(arguments.stimuli)]
    if arguments.in_memory:
        arrays = [frames() for _, frames in rendered]
        return [lambda array=array: array for array in arrays]  # type: ignore[misc]
    from alignhouse.demo.clips import write_clip

    clips = folder / "clips"
    clips.mkdir()
    paths: list[Video] = []
    for seed, frames in rendered:
        paths.append(clips / f"{seed + 1001}.mp4")
        write_clip(frames(), 30, paths[-1])
    return paths


def _frames(video: Video) -> np.ndarray:
    if callable(video):
        return video()
    from alignhouse.ingest.stimuli.videos import read_frames

    return read_frames(video)


def _now(device: str) -> float:
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
