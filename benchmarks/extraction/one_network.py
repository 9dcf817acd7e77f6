"""Measures one untrained network of a catalog on short clips: layers, seconds and peak memory, as JSON.

    python benchmarks/extraction/one_network.py NAME [--stimuli 4] [--frames 8] [--protocols sound,paper]
                                                [--memory 4e9] [--scratch 20e9] [--clip-frames 4] [--plain]

--clip-frames : of a clip, instead of the network's own number, which may take minutes.
--plain : also read every layer in the straightforward way (one frame or clip per call, whole outputs, scipy)
and print the largest difference between the RDMs of both ways.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.study.protocol import shipped

PROTOCOLS = ("sound", "paper")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--stimuli", type=int, default=4)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--protocols", default=",".join(PROTOCOLS))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory", type=float, default=4e9)
    parser.add_argument("--scratch", type=float, default=20e9)
    parser.add_argument("--clip-frames", type=int)
    parser.add_argument("--plain", action="store_true")
    print(json.dumps(measured(parser.parse_args())))


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    from alignhouse.ingest.features.extract import extract_rdms_together
    from alignhouse.ingest.models.build import build_network
    from alignhouse.ingest.models.selection import known_network

    network = known_network(arguments.name)
    if arguments.clip_frames:
        network = network.model_copy(update={"clip_len": arguments.clip_frames})
    protocols = tuple(arguments.protocols.split(","))
    settings = [each.extraction for each in shipped(protocols).values()]
    videos = [clip(seed, arguments.frames) for seed in range(arguments.stimuli)]
    began = time.perf_counter()
    given = build_network(network, weights="random")
    built, cpu_built = time.perf_counter(), time.process_time()
    said: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        found = extract_rdms_together(
            network,
            given.module,
            videos,
            settings,
            transform=given.transform,
            device=arguments.device,
            scratch=Path(scratch),
            memory=arguments.memory,
            scratch_bytes=arguments.scratch,
            skip_bad=True,
            say=said.append,
        )
    done, cpu_done = time.perf_counter(), time.process_time()
    result: dict[str, Any] = {
        "network": network.name,
        "parameters": sum(each.numel() for each in given.module.parameters()),
        "seconds_to_build": round(built - began, 2),
        "seconds_to_extract": round(done - built, 2),
        "cpu_seconds_to_extract": round(cpu_done - cpu_built, 2),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
        "said": said,
        "skipped": {
            protocol: list(each.notes["skipped_layers"])
            for protocol, each in zip(protocols, found, strict=True)
        },
        "layers": {
            protocol: {layer.name: layer.width for layer in each.layers}
            for protocol, each in zip(protocols, found, strict=True)
        },
    }
    if arguments.plain:
        rdms = {layer.name: layer.rdm for layer in found[0].layers}
        del given, found
        gc.collect()
        result["difference_from_plain"] = difference(network, videos, settings[0], rdms)
    return result


def difference(network: Any, videos: list[Any], settings: Any, rdms: dict[str, np.ndarray]) -> float:
    """The largest difference from the RDMs of features that are read in the straightforward way."""
    from scipy.spatial.distance import pdist
    from straightforward import outputs_of_call

    from alignhouse.ingest.features.inputs import Caller, InputMaker
    from alignhouse.ingest.models.build import build_network
    from alignhouse.ingest.models.layers import layers_of

    given = build_network(network, weights="random")
    module, make = given.module, InputMaker(network, settings, given.transform)
    layers = layers_of(module, network, "sound")
    if network.tries_layers:
        # The plain way reads no layer that is called several times, or returns several tensors.
        layers = [name for name in layers if name in rdms]
    caller = Caller(network, module, "cpu", settings.frame_count)
    rows: dict[str, list[np.ndarray]] = {
        name: [] for name in rdms if name in layers or not network.tries_layers
    }
    for video in videos:
        inputs = make(video())
        sums: dict[str, np.ndarray] = {}
        for part in inputs.parts:
            call, _ = caller.tensor([part], inputs.values)
            for name, output in outputs_of_call(network, module, layers, call).items():
                if name in rows:
                    sums[name] = sums.get(name, 0.0) + output.astype(np.float64).ravel() / len(inputs.parts)
        for name, row in sums.items():
            rows[name].append(row)
    plain = {name: pdist(np.stack(each), "correlation") for name, each in rows.items()}
    return float(max(np.abs(rdm - rdms[name]).max() for name, rdm in plain.items()))


def clip(seed: int, n_frames: int) -> Callable[[], np.ndarray]:
    """A generated clip of moving coloured waves, (n_frames, 268, 268, 3) uint8."""

    def frames() -> np.ndarray:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:268, 0:268] / 268
        video = np.zeros((n_frames, 268, 268, 3))
        for _ in range(8):
            waves, phase, speed = rng.uniform(1, 24, 2), rng.uniform(0, 6.3), rng.uniform(-1, 1)
            colour = rng.uniform(-1, 1, 3)
            for frame in range(n_frames):
                wave = np.sin(6.3 * (waves[0] * x + waves[1] * y) + phase + speed * frame)
                video[frame] += wave[..., None] * colour
        video += rng.normal(0, 0.3, video.shape)
        return np.clip(128 + 45 * video, 0, 255).astype(np.uint8)

    return frames


if __name__ == "__main__":
    main()
