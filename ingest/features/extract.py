"""A network, stimuli and settings in; one RDM a layer out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ingest.features import gram
from ingest.features.inputs import Frames, InputMaker, check_frames
from ingest.features.settings import ExtractionSettings
from ingest.features.spool import Spool, SpooledLayer
from ingest.features.taps import LeadingSum, Taps
from ingest.models.catalog import Network
from ingest.models.layers import layers_of
from warehouse.errors import BadInput

if TYPE_CHECKING:
    import torch

Video = Path | Callable[[], Frames]
FEWEST_STIMULI = 3
_FRAMES_OF_A_CALL = 16
# Below this, an RDM of float32 features holds rounding and nothing else.
_NO_DISSIMILARITY = 1e-12


@dataclass(frozen=True)
class LayerRdm:
    """One layer's RDM.

    index : place in the network's order, from 0. depth : index / last index, 0 for a single layer.
    width : features of the layer. rdm : (n (n - 1) / 2,) float64, upper triangle row by row.
    """

    name: str
    index: int
    depth: float
    width: int
    rdm: NDArray[np.float64]


@dataclass(frozen=True)
class NetworkRdms:
    """The RDMs of a network's layers, in the network's order, and what was done to get them (plain values)."""

    layers: list[LayerRdm]
    notes: dict[str, Any]


def extract_rdms(
    network: Network,
    module: torch.nn.Module,
    videos: Sequence[Video],
    settings: ExtractionSettings,
    *,
    device: str = "cpu",
    scratch: Path,
    memory: float = 4e9,
    batch: int | None = None,
    on_stimulus: Callable[[int], None] | None = None,
    read_frames: Callable[[Path], Frames] | None = None,
) -> NetworkRdms:
    """RDMs of every layer of `network` over `videos`. The same input gives the same bytes on the same CPU.

    Parameters
    ----------
    module : the built network, in evaluation mode.
    videos : stimuli in the order of the RDMs' conditions: paths, or functions that give the frames, each
        (frames, height, width, 3) uint8 RGB.
    device : torch's name of the device.
    scratch : an existing folder for the features, which are removed again.
    memory : bytes that the blocks of features may take while RDMs are computed.
    batch : frames in one call of an image network; 16 when none. Networks of mmaction2 take one clip a call.
    on_stimulus : called with the stimulus' index once its features are stored.
    read_frames : decodes a path; `ingest.stimuli.videos.read_frames` when none.

    Raises
    ------
    BadInput : fewer than three stimuli, frames that are none, features that are constant or not finite (names
        layer and stimulus), or a layer that is the same for all stimuli.
    """
    if len(videos) < FEWEST_STIMULI:
        raise BadInput("stimuli for RDMs", expected=f"at least {FEWEST_STIMULI}", found=len(videos))
    module = module.to(device)
    make = InputMaker(network, module, settings, device=device, batch=batch or _FRAMES_OF_A_CALL)
    layers = layers_of(module, network, settings.layer_list)
    sampled: list[int] = []
    added: dict[str, int] = {}
    calls: list[int] = []
    with Spool(scratch) as spool, Taps(module, layers, settings.tap) as taps:
        for index, video in enumerate(videos):
            stimulus = _name(video, index)
            inputs = make(check_frames(_read(video, read_frames), stimulus))
            spool.append(stimulus_features(network, module, inputs.calls, taps, settings), stimulus)
            sampled.append(inputs.frames_sampled)
            calls.append(len(inputs.calls))
            if inputs.frames_added:
                added[stimulus] = inputs.frames_added
            if on_stimulus is not None:
                on_stimulus(index)
        spooled = spool.layers
        rdms = [
            LayerRdm(
                name=layer.name,
                index=index,
                depth=index / (len(spooled) - 1) if len(spooled) > 1 else 0.0,
                width=layer.width,
                rdm=_layer_rdm(layer, settings, memory),
            )
            for index, layer in enumerate(spooled)
        ]
    notes: dict[str, Any] = {
        "frames_sampled": sampled,
        "calls": calls,
        "frame_count_rule": settings.frame_count if added else None,
        "frames_added": added,
    }
    if settings.reduction == "pca":
        notes["pca_components"] = {
            layer.name: effective_components(settings, len(videos), layer.width) for layer in rdms
        }
    return NetworkRdms(rdms, notes)


def stimulus_features(
    network: Network,
    module: torch.nn.Module,
    calls: Iterable[torch.Tensor],
    taps: Taps,
    settings: ExtractionSettings,
) -> dict[str, NDArray[np.float32]]:
    """One stimulus' pattern in every tapped layer, each (width,) float32.

    Image networks: the mean over all frames of all calls. Networks of mmaction2: the mean over a call's leading
    dimension, then over the calls as `settings.clip_average` says.
    """
    import torch

    total: dict[str, torch.Tensor] = {}
    count: dict[str, int] = {}
    with torch.inference_mode():
        for call in calls:
            _forward(network, module, call)
            for name, read in taps.collect().items():
                part, weight = _part(network, read)
                if name not in total:
                    total[name], count[name] = part, weight
                elif network.takes == "clips" and settings.clip_average == "running_pairwise":
                    total[name] = (total[name] + part) / 2
                else:
                    total[name] = total[name] + part
                    count[name] += weight
        return {
            name: (value / count[name]).to(device="cpu", dtype=torch.float32).numpy()
            for name, value in total.items()
        }


def effective_components(settings: ExtractionSettings, n_stimuli: int, width: int) -> int:
    """How many principal components are used of those asked for: at most stimuli - 2, and the layer's width."""
    return min(settings.pca_components, n_stimuli - 2, width)


def _part(network: Network, read: LeadingSum) -> tuple[torch.Tensor, int]:
    """What one call adds to a stimulus' mean: frames count singly, a clip counts once."""
    return (read.total, read.rows) if network.takes == "frames" else (read.total / read.rows, 1)


def _forward(network: Network, module: torch.nn.Module, call: torch.Tensor) -> None:
    if network.takes == "clips":
        module(call, mode="tensor", stage="head")
    else:
        module(call)


def _layer_rdm(layer: SpooledLayer, settings: ExtractionSettings, memory: float) -> NDArray[np.float64]:
    means = layer.means
    products = gram.row_centred_gram(layer.blocks(memory), means)
    if settings.reduction == "pca":
        components = effective_components(settings, len(means), layer.width)
        scores = gram.component_scores(products, means, layer.width, layer.blocks(memory), components)
        rdm = gram.row_correlation_rdm(scores)
    else:
        if settings.centering == "across_stimuli":
            products = gram.centre_stimuli(products)
        rdm = gram.correlation_rdm(products)
    if rdm.max() < _NO_DISSIMILARITY:
        raise BadInput(
            f"layer {layer.name}",
            expected="features that differ between stimuli",
            found="the same pattern for all of them",
            hint="list the layer under not_tapped in the catalog",
        )
    return rdm


def _read(video: Video, read_frames: Callable[[Path], Frames] | None) -> Frames:
    if not isinstance(video, Path):
        return video()
    if read_frames is None:
        from ingest.stimuli.videos import read_frames
    return read_frames(video)


def _name(video: Video, index: int) -> str:
    return video.name if isinstance(video, Path) else f"stimulus {index + 1}"
