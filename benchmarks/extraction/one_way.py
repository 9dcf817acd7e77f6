"""Runs one way from videos to RDMs in its own process: seconds and peak memory, as JSON.

    python benchmarks/extraction/one_way.py straightforward|engine NETWORK VIDEOS OUT.npz
                                            [--device cpu] [--count N]

The RDMs are written to OUT.npz. The straightforward way is timed with scikit-learn's PCA in float32, which
flips the signs of some components. So its RDMs are computed again with a PCA in float64, after the timing.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import straightforward

from alignhouse.ingest.features.extract import extract_rdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.stimuli.videos import find_stimuli


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("way", choices=["straightforward", "engine"])
    parser.add_argument("network")
    parser.add_argument("videos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--count", type=int)
    arguments = parser.parse_args()
    network = catalog()[arguments.network]
    module = build(network, weights="random").to(arguments.device)
    settings = ExtractionSettings(reduction="pca")
    videos = [each.path for each in find_stimuli(arguments.videos, "all")][: arguments.count]
    with tempfile.TemporaryDirectory(dir=arguments.out.parent) as name:
        scratch = Path(name)
        began = time.perf_counter()
        if arguments.way == "engine":
            done = extract_rdms(
                network,
                module,
                videos,
                settings,
                device=arguments.device,
                scratch=scratch,
                features_on="disk",
            )
            shown = None
            rdms = {layer.name: layer.rdm for layer in done.layers}
        else:
            files = straightforward.save_features(
                network, module, videos, settings, scratch, device=arguments.device
            )
            shown = time.perf_counter()
            rdms = straightforward.rdms(files, settings)
        ended = time.perf_counter()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
        if arguments.way == "straightforward":
            rdms = straightforward.rdms(files, settings, dtype=np.float64)
    np.savez(arguments.out, **rdms)
    result = {
        "way": arguments.way,
        "network": network.name,
        "stimuli": len(videos),
        "seconds": ended - began,
        "seconds_of_rdms": ended - shown if shown else None,
        "peak_megabytes": peak,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
