"""The baseline of the extraction benchmarks: a simple script that computes model RDMs.

It runs the network on one frame (or clip) per call, sets the hooks again for each call, and writes one .npz
of features per stimulus. At the end, it runs scikit-learn's PCA for each layer. Readers and transforms are
those of alignhouse, so that only the method of extraction differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA

from alignhouse.ingest.features.inputs import Caller, InputMaker
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import Network
from alignhouse.ingest.models.layers import layers_of
from alignhouse.ingest.stimuli.videos import read_frames


def save_features(
    network: Network,
    module: torch.nn.Module,
    videos: Sequence[Path | Callable[[], np.ndarray]],
    settings: ExtractionSettings,
    folder: Path,
    *,
    device: str = "cpu",
) -> list[Path]:
    """Write one .npz per stimulus to `folder`: layer -> mean over frames or clips, in float32."""
    module = module.to(device)
    layers = layers_of(module, network, settings.layer_list)
    make, caller = InputMaker(network, settings), Caller(network, module, device, settings.frame_count)
    files = []
    for index, video in enumerate(videos):
        features: dict[str, list[np.ndarray]] = {}
        inputs = make(video() if callable(video) else read_frames(video))
        for part in inputs.parts:
            call, _ = caller.tensor([part], inputs.values)
            for name, output in outputs_of_call(network, module, layers, call).items():
                features.setdefault(name, []).append(output)
        files.append(folder / f"{index:04d}.npz")
        np.savez(files[-1], **{name: np.mean(each, axis=0) for name, each in features.items()})
    return files


def rdms(
    files: Sequence[Path], settings: ExtractionSettings, dtype: Any = np.float32
) -> dict[str, np.ndarray]:
    """Layer -> RDM (n, n): 1 - Pearson, after a PCA of all stimuli's features if the settings select it.

    dtype : the dtype of scikit-learn's computation; features stay in float32.
    """
    with np.load(files[0]) as first:
        names = list(first.files)
    found = {}
    for name in names:
        rows = []
        for file in files:
            with np.load(file) as features:
                rows.append(features[name].ravel())
        patterns = np.stack(rows).astype(dtype, copy=False)
        if settings.reduction == "pca":
            components = min(settings.pca_components, len(files) - 2, patterns.shape[1])
            patterns = PCA(components).fit_transform(patterns)
        found[name] = 1 - np.corrcoef(patterns)
    return found


def outputs_of_call(
    network: Network, module: torch.nn.Module, layers: Sequence[str], call: torch.Tensor
) -> dict[str, np.ndarray]:
    """The outputs of all layers in one call, each averaged over its first dimension."""
    outputs: dict[str, np.ndarray] = {}

    def hook(name: str) -> Any:
        def keep(module: torch.nn.Module, arguments: Any, output: Any) -> None:
            parts = output if isinstance(output, (tuple, list)) else [output]
            tensors = [part for part in parts if isinstance(part, torch.Tensor)]
            for number, tensor in enumerate(tensors):
                key = name if len(tensors) == 1 else f"{name}_{number}"
                outputs[key] = tensor.mean(dim=0).cpu().numpy()

        return keep

    modules = dict(module.named_modules())
    hooks = [modules[layer].register_forward_hook(hook(layer)) for layer in layers]
    try:
        with torch.no_grad():
            module(call, mode="tensor", stage="head") if network.takes == "clips" else module(call)
    finally:
        for each in hooks:
            each.remove()
    return outputs
