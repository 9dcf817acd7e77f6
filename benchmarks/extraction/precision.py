"""Measures how lower precision changes alignment: rho with real brains, compared with float32.

    python benchmarks/extraction/precision.py CICHY78 [--networks ...] [--device cpu] [--stimuli 78]

CICHY78 contains fmri_EVC_RDMs.npz, fmri_IT_RDMs.npz and stimuli/: 78 photographs, 15 subjects. Networks are
untrained. Each row covers the layers of a network and both regions. It shows the largest and the median
change of the mean rho over subjects. It also shows the lowest rank correlation of a layer's RDM with its RDM
in float32.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from alignhouse.ingest.features.extract import extract_rdms_together
from alignhouse.ingest.features.recipe import NetworkRdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.selection import select
from alignhouse.ingest.stimuli.videos import find_stimuli

NETWORKS = "AlexNet,ResNet50,deit_small_patch16_224,swin_tiny_patch4_window7_224,tsm_r50,x3d_s"
ON_A_CPU = {"bf16": {"precision": "bf16"}, "fp16": {"precision": "fp16"}, "spool fp16": {"spool": "fp16"}}
ON_A_GPU = {"tf32": {"precision": "tf32"}, **ON_A_CPU}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--networks", default=NETWORKS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--stimuli", type=int, default=78)
    arguments = parser.parse_args()
    count = arguments.stimuli
    upper = np.triu_indices(count, 1)
    brains = {
        region: np.load(arguments.folder / f"fmri_{region}_RDMs.npz")["arr_0"][:, :count, :count][
            :, upper[0], upper[1]
        ]
        for region in ("EVC", "IT")
    }
    photographs = [each.path for each in find_stimuli(arguments.folder / "stimuli", "all")][:count]
    print("| network | precision | largest change of rho | median change | lowest rank correlation |")
    print("|---|---|---|---|---|")
    ways = ON_A_CPU if arguments.device == "cpu" else ON_A_GPU
    settings = [ExtractionSettings(), *(ExtractionSettings.model_validate(each) for each in ways.values())]
    for network in select(arguments.networks.split(",")):
        module = build(network, weights="random")
        with tempfile.TemporaryDirectory() as scratch:
            whole, *others = extract_rdms_together(
                network,
                module,
                photographs,
                settings,
                device=arguments.device,
                scratch=Path(scratch),
                skip_bad=True,
            )
        for way, found in zip(ways, others, strict=True):
            changes, agreement = compared(whole, found, brains)
            row = f"{max(changes):.1e} | {np.median(changes):.1e} | {min(agreement):.5f}"
            print(f"| {network.name} | {way} | {row} |", flush=True)


def compared(
    whole: NetworkRdms, other: NetworkRdms, brains: dict[str, np.ndarray]
) -> tuple[list[float], list[float]]:
    """Changes of the mean rho by layer and region; rank correlations with float32 by layer."""
    there = {layer.name: layer.rdm for layer in other.layers}
    changes, agreement = [], []
    for layer in whole.layers:
        if layer.name not in there:
            print(f"  {layer.name} cannot be correlated in lower precision")
            continue
        agreement.append(float(spearmanr(layer.rdm, there[layer.name]).statistic))
        for subjects in brains.values():
            before, after = (
                np.mean([spearmanr(rdm, subject).statistic for subject in subjects])
                for rdm in (layer.rdm, there[layer.name])
            )
            changes.append(abs(float(after - before)))
    return changes, agreement


if __name__ == "__main__":
    main()
