"""A network, stimuli and settings in; one RDM a layer out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Required, Self, TypedDict, Unpack, cast

import numpy as np
from numpy.typing import NDArray

from ingest.features import gram
from ingest.features.inputs import Frames, InputMaker, NetworkInputs, check_frames
from ingest.features.settings import ExtractionSettings
from ingest.features.spool import Spool, SpooledLayer
from ingest.features.taps import LeadingSum, Taps
from ingest.models.catalog import Network
from ingest.models.layers import layers_of
from warehouse.errors import BadInput

if TYPE_CHECKING:
    import torch

Video = Path | Callable[[], Frames]
Features = dict[str, NDArray[np.float32]]
FEWEST_STIMULI = 3
_FRAMES_OF_A_CALL = 16
# A smaller share of variance between stimuli is what rounding to float32 makes (its step is 1.2e-7; squared).
_ROUNDING = 1e-13


class How(TypedDict, total=False):
    """How an extraction is done; only `scratch` must be given.

    device : torch's name of the device.
    scratch : an existing folder for the features, which are removed again.
    scratch_bytes : disk that the features may take.
    memory : bytes that the blocks of features may take while RDMs are computed.
    batch : frames in one call of an image network; 16 when none. Networks of mmaction2 take one clip a call.
    skip_bad : leave out layers whose features are constant, not finite, or the same for all stimuli, and list
        them with the reason under "skipped_layers" of the notes; index and depth still count them.
    on_stimulus : called with the number of stimuli whose features are stored.
    read_frames : decodes a path; `ingest.stimuli.videos.read_frames` when none.
    """

    device: str
    scratch: Required[Path]
    scratch_bytes: float
    memory: float
    batch: int | None
    skip_bad: bool
    on_stimulus: Callable[[int], None] | None
    read_frames: Callable[[Path], Frames] | None


DEFAULTS: dict[str, Any] = {
    "device": "cpu",
    "scratch_bytes": math.inf,
    "memory": 4e9,
    "batch": None,
    "skip_bad": False,
    "on_stimulus": None,
    "read_frames": None,
}


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
    """The RDMs of a network's layers, in the network's order, and notes on how they came about."""

    layers: list[LayerRdm]
    notes: dict[str, Any]


def extract_rdms(
    network: Network,
    module: torch.nn.Module,
    videos: Sequence[Video],
    settings: ExtractionSettings,
    **how: Unpack[How],
) -> NetworkRdms:
    """RDMs of every layer of `network` over `videos`: `extract_rdms_together` for one set of settings."""
    [rdms] = extract_rdms_together(network, module, videos, [settings], **how)
    return rdms


def extract_rdms_together(
    network: Network,
    module: torch.nn.Module,
    videos: Sequence[Video],
    settings: Sequence[ExtractionSettings],
    **how: Unpack[How],
) -> list[NetworkRdms]:
    """RDMs of every layer of `network` over `videos`, under each of several settings.

    Every video is decoded once, and settings that show the network the same input share its forward passes,
    so that a second protocol costs little. The same input gives the same bytes on the same CPU.

    Parameters
    ----------
    module : the built network, in evaluation mode.
    videos : stimuli in the order of the RDMs' conditions: paths, or functions that give the frames, each
        (frames, height, width, 3) uint8 RGB.
    how : see `How`.

    Raises
    ------
    BadInput : fewer than three stimuli, too little scratch (known after the first), frames that are none,
        features that are constant or not finite (names layer and stimulus), a layer that is the same for all
        stimuli, or no layer left.
    """
    if len(videos) < FEWEST_STIMULI:
        raise BadInput("stimuli for RDMs", expected=f"at least {FEWEST_STIMULI}", found=len(videos))
    options = cast(How, DEFAULTS | how)
    module = module.to(options["device"])
    with ExitStack() as stack:
        recipes = [stack.enter_context(_Recipe(network, module, each, options)) for each in settings]
        for index, video in enumerate(videos):
            stimulus = _name(video, index)
            frames = check_frames(_read(video, options["read_frames"]), stimulus)
            for inputs, sharing in _by_input(recipes, frames):
                features = _stimulus_features(network, module, inputs.calls, sharing)
                for recipe, of_recipe in zip(sharing, features, strict=True):
                    recipe.keep(stimulus, inputs, of_recipe)
            if index == 0:
                _check_scratch(network, recipes, len(videos), options["scratch_bytes"])
            if options["on_stimulus"] is not None:
                options["on_stimulus"](index + 1)
        return [recipe.rdms(len(videos)) for recipe in recipes]


class _Recipe:
    """What one set of settings needs while a network is shown the stimuli: its taps, its spool, its notes."""

    def __init__(
        self, network: Network, module: torch.nn.Module, settings: ExtractionSettings, options: How
    ) -> None:
        self.settings, self.options = settings, options
        takes_clips = network.takes == "clips"
        self.averages_clips_pairwise = takes_clips and settings.clip_average == "running_pairwise"
        batch = options["batch"] or _FRAMES_OF_A_CALL
        self.make = InputMaker(network, module, settings, device=options["device"], batch=batch)
        self._module, self._layers = module, layers_of(module, network, settings.layer_list)
        self._sampled: list[int] = []
        self._calls: list[int] = []
        self._added: dict[str, int] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._spool = stack.enter_context(
                Spool(self.options["scratch"], skip_bad=self.options["skip_bad"])
            )
            self.taps = stack.enter_context(Taps(self._module, self._layers, self.settings.tap, muted=True))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def keep(self, stimulus: str, inputs: NetworkInputs, features: Features) -> None:
        self._spool.append(features, stimulus)
        self._sampled.append(inputs.frames_sampled)
        self._calls.append(len(inputs.calls))
        if inputs.frames_added:
            self._added[stimulus] = inputs.frames_added

    @property
    def bytes_of_a_stimulus(self) -> int:
        return sum(layer.width for layer in self._spool.layers) * np.dtype(np.float32).itemsize

    def rdms(self, n_stimuli: int) -> NetworkRdms:
        layers = _rdms(self._spool, self.settings, self.options["memory"], self.options["skip_bad"])
        notes: dict[str, Any] = {
            "frames_sampled": self._sampled,
            "calls": self._calls,
            "frame_count_rule": self.settings.frame_count if self._added else None,
            "frames_added": self._added,
            "skipped_layers": dict(self._spool.skipped),
        }
        if self.settings.reduction == "pca":
            notes["pca_components"] = {
                layer.name: effective_components(self.settings, n_stimuli, layer.width) for layer in layers
            }
        return NetworkRdms(layers, notes)


def _check_scratch(
    network: Network, recipes: Sequence[_Recipe], n_stimuli: int, scratch_bytes: float
) -> None:
    needed = n_stimuli * sum(recipe.bytes_of_a_stimulus for recipe in recipes)
    if needed > scratch_bytes:
        raise BadInput(
            f"features of {network.name}, {n_stimuli} stimuli and {len(recipes)} settings",
            expected=f"at most {scratch_bytes / 1e9:,.1f} GB of scratch",
            found=f"{needed / 1e9:,.1f} GB",
            hint="raise compute.scratch, or run one protocol at a time",
        )


def _by_input(recipes: Sequence[_Recipe], frames: Frames) -> list[tuple[NetworkInputs, list[_Recipe]]]:
    """The recipes of each distinct input, compared value by value: nothing is assumed of settings."""
    import torch

    groups: list[tuple[NetworkInputs, list[_Recipe]]] = []
    for recipe in recipes:
        inputs = recipe.make(frames)
        for known, sharing in groups:
            if len(known.calls) == len(inputs.calls) and all(map(torch.equal, known.calls, inputs.calls)):
                sharing.append(recipe)
                break
        else:
            groups.append((inputs, [recipe]))
    return groups


def _stimulus_features(
    network: Network, module: torch.nn.Module, calls: Iterable[torch.Tensor], recipes: Sequence[_Recipe]
) -> list[Features]:
    """One stimulus' pattern in every layer that each recipe taps, each (width,) float32.

    Image networks: the mean over all frames of all calls. Networks of mmaction2: the mean over a call's
    leading dimension, then over the calls as `clip_average` says.
    """
    import torch

    totals: list[dict[str, torch.Tensor]] = [{} for _ in recipes]
    counts: list[dict[str, int]] = [{} for _ in recipes]
    with torch.inference_mode(), ExitStack() as listening:
        for recipe in recipes:
            listening.enter_context(recipe.taps.listening())
        for call in calls:
            _forward(network, module, call)
            for recipe, total, count in zip(recipes, totals, counts, strict=True):
                for name, read in recipe.taps.collect().items():
                    part, weight = _part(network, read)
                    if name not in total:
                        total[name], count[name] = part, weight
                    elif recipe.averages_clips_pairwise:
                        total[name] = (total[name] + part) / 2
                    else:
                        total[name] = total[name] + part
                        count[name] += weight
        return [
            {
                name: (value / count[name]).to(device="cpu", dtype=torch.float32).numpy()
                for name, value in total.items()
            }
            for total, count in zip(totals, counts, strict=True)
        ]


def effective_components(settings: ExtractionSettings, n_stimuli: int, width: int) -> int:
    """How many of the principal components asked for are used: at most stimuli - 2, and the width."""
    return min(settings.pca_components, n_stimuli - 2, width)


def _part(network: Network, read: LeadingSum) -> tuple[torch.Tensor, int]:
    """What one call adds to a stimulus' mean: frames count singly, a clip counts once."""
    return (read.total, read.rows) if network.takes == "frames" else (read.total / read.rows, 1)


def _forward(network: Network, module: torch.nn.Module, call: torch.Tensor) -> None:
    if network.takes == "clips":
        module(call, mode="tensor", stage="head")
    else:
        module(call)


def _rdms(spool: Spool, settings: ExtractionSettings, memory: float, skip_bad: bool) -> list[LayerRdm]:
    last = max(len(spool.layers) - 1, 1)
    rdms: list[LayerRdm] = []
    for index, layer in enumerate(spool.layers):
        if layer.name in spool.skipped:
            continue
        try:
            rdm = _layer_rdm(layer, settings, memory)
        except BadInput as error:
            if not skip_bad:
                raise
            spool.skipped[layer.name] = str(error)
        else:
            rdms.append(LayerRdm(layer.name, index, index / last, layer.width, rdm))
    if not rdms:
        raise BadInput("RDMs of a network", expected="a layer that can be correlated", found="none")
    return rdms


def _layer_rdm(layer: SpooledLayer, settings: ExtractionSettings, memory: float) -> NDArray[np.float64]:
    means = layer.means
    products = gram.row_centred_gram(layer.blocks(memory), means)
    if gram.share_between_stimuli(products) < _ROUNDING:
        raise BadInput(
            f"layer {layer.name}",
            expected="features that differ between stimuli",
            found="the same pattern for all of them",
            hint="list the layer under not_tapped in the catalog, or skip bad layers",
        )
    if settings.reduction == "pca":
        components = effective_components(settings, len(means), layer.width)
        scores = gram.component_scores(products, means, layer.width, layer.blocks(memory), components)
        return gram.row_correlation_rdm(scores)
    if settings.centering == "across_stimuli":
        products = gram.centre_stimuli(products)
    return gram.correlation_rdm(products)


def _read(video: Video, read_frames: Callable[[Path], Frames] | None) -> Frames:
    if callable(video):
        return video()
    if read_frames is not None:
        return read_frames(video)
    from ingest.stimuli import videos

    return videos.read_frames(video)


def _name(video: Video, index: int) -> str:
    return video.name if isinstance(video, Path) else f"stimulus {index + 1}"
