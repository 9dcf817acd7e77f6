"""One set of settings while a network is shown the stimuli: what is read, kept and made into RDMs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features import gram
from alignhouse.ingest.features.distances import manhattan_rdm, rdm_of_gram, rdm_of_rows
from alignhouse.ingest.features.inputs import NetworkInputs
from alignhouse.ingest.features.options import How
from alignhouse.ingest.features.passes import Plan
from alignhouse.ingest.features.projection import project
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.features.spool import Spool, SpooledLayer
from alignhouse.ingest.features.taps import Taps
from alignhouse.ingest.models.layers import layers_of
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    import torch

# Layer -> (width,) float32, on the device.
Features = dict[str, "torch.Tensor"]
# What makes the inputs of one set of settings differ from those of another.
InputKey = tuple[str, ...]
# A smaller share of variance between stimuli is what rounding to float32 makes (its step is 1.2e-7; squared).
_ROUNDING = 1e-13


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


class Recipe:
    """What one set of settings needs: its taps, its spool, its notes; a context manager.

    widths : layer -> features, in the network's order, once they were measured.
    input_key : equal for settings that show a network the same.
    """

    def __init__(
        self, network: Network, module: torch.nn.Module, settings: ExtractionSettings, options: How
    ) -> None:
        self.settings, self.options = settings, options
        self.averages_clips_pairwise = (
            network.takes != "frames" and settings.clip_average == "running_pairwise"
        )
        self.input_key = _input_key(network, settings, options)
        self._module, self._layers = module, layers_of(module, network, settings.layer_list)
        self.widths: dict[str, int] = {}
        self._inputs: dict[str, tuple[int, int, int]] = {}
        self._rdms: dict[str, NDArray[np.float64]] = {}
        self._skipped: dict[str, str] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.taps = stack.enter_context(Taps(self._module, self._layers, self.settings.tap, muted=True))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    @contextmanager
    def keeping(self, layers: frozenset[str], *, on_device: bool) -> Iterator[Self]:
        """A pass in which the features of these layers are kept, on disk or on the device, until it ends."""
        self.taps.keep_only(layers)
        with Spool(
            self.options["scratch"],
            kind=self.settings.spool,
            on_device=on_device,
            skip_bad=self.options["skip_bad"],
        ) as self._spool:
            yield self

    def keep(self, stimulus: str, inputs: NetworkInputs, added: int, features: Features) -> None:
        """Keep one stimulus' features. added : frames that were added to what `inputs` hold."""
        self._spool.append(features, stimulus)
        self._inputs[stimulus] = (inputs.frames_sampled, len(inputs.parts), added)

    def make_rdms(self) -> None:
        """Make the RDMs of the layers whose features were kept in this pass."""
        for layer in self._spool.layers:
            if layer.name in self._spool.skipped:
                continue
            try:
                self._rdms[layer.name] = layer_rdm(layer, self.settings, self.options["memory"])
            except BadInput as error:
                if not self.options["skip_bad"]:
                    raise
                self._spool.skipped[layer.name] = str(error)
        self._skipped |= self._spool.skipped

    def rdms(self, plan: Plan) -> NetworkRdms:
        """The RDMs of all passes, in the network's order."""
        last = max(len(self.widths) - 1, 1)
        layers = [
            LayerRdm(name, index, index / last, width, self._rdms[name])
            for index, (name, width) in enumerate(self.widths.items())
            if name in self._rdms
        ]
        if not layers:
            raise BadInput("RDMs of a network", expected="a layer that can be correlated", found="none")
        sampled, parts, added = zip(*self._inputs.values(), strict=True)
        fitted = {name: of_stimulus[2] for name, of_stimulus in self._inputs.items() if of_stimulus[2]}
        notes: dict[str, Any] = {
            "frames_sampled": list(sampled),
            "parts_averaged": list(parts),
            "frame_count_rule": self.settings.frame_count if any(added) else None,
            "frames_added": fitted,
            "skipped_layers": {name: self._skipped[name] for name in self.widths if name in self._skipped},
        }
        if self.settings.reduction == "pca":
            notes["pca_components"] = {
                layer.name: effective_components(self.settings, plan.n_stimuli, layer.width)
                for layer in layers
            }
        return NetworkRdms(layers, notes)


def effective_components(settings: ExtractionSettings, n_stimuli: int, width: int) -> int:
    """How many of the principal components asked for are used: at most stimuli - 2, and the width."""
    return min(settings.pca_components, n_stimuli - 2, width)


def layer_rdm(layer: SpooledLayer, settings: ExtractionSettings, memory: float) -> NDArray[np.float64]:
    """The RDM of a layer whose rows are all there, (n (n - 1) / 2,); blocks of features stay within `memory`.

    Raises
    ------
    BadInput : the pattern is the same for all stimuli, or cannot be correlated.
    """
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
        return rdm_of_rows(scores, settings.distance)
    if settings.reduction == "srp":
        blocks = layer.blocks(memory)
        projected = project(blocks, len(means), layer.width, settings.srp_components, settings.srp_seed)
        if settings.centering == "across_stimuli":
            projected = projected - projected.mean(axis=0)
        return rdm_of_rows(projected, settings.distance)
    if settings.distance == "manhattan":
        # A mean over stimuli cancels in differences between them, centred or not.
        return manhattan_rdm(layer.blocks(memory))
    if settings.centering == "across_stimuli":
        products, means = gram.centre_stimuli(products), means - means.mean()
    return rdm_of_gram(products, means, layer.width, settings.distance)


def _input_key(network: Network, settings: ExtractionSettings, options: How) -> InputKey:
    if network.takes != "frames":
        return ()
    depends_on_style = options["transform"] is None and source_of(network).uses_transform_setting
    return (settings.channel_order, settings.torchvision_transform if depends_on_style else "")
