"""One set of settings during an extraction: which layers it reads, keeps and turns into RDMs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from alignhouse.ingest.features import gram
from alignhouse.ingest.features.distances import manhattan_rdm, rdm_of_rows
from alignhouse.ingest.features.fingerprints import ROUNDING
from alignhouse.ingest.features.inputs import NetworkInputs
from alignhouse.ingest.features.kept_grams import LayerGram
from alignhouse.ingest.features.naming import naming_network
from alignhouse.ingest.features.options import How
from alignhouse.ingest.features.passes import Plan
from alignhouse.ingest.features.pooling import Pooling, key_of_pooling
from alignhouse.ingest.features.projection import project
from alignhouse.ingest.features.readable_layers import ReadableLayers, refuse_unreadable, said_of_dropped
from alignhouse.ingest.features.reading import InputKey
from alignhouse.ingest.features.settings import ExtractionSettings, settings_for
from alignhouse.ingest.features.spool import Spool, SpooledLayer
from alignhouse.ingest.features.taps import Measure, Taps
from alignhouse.ingest.inner_products import centred_rdm_of_gram
from alignhouse.ingest.models.layers import key_of_layers, layers_of
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    import torch

# Layer -> (width,) float32, on the device.
Features = dict[str, "torch.Tensor"]


@dataclass(frozen=True)
class LayerRdm:
    """One layer's RDM.

    index : position in the network's order, from 0.
    depth : index / last index; 0 for a single layer.
    width : number of features.
    rdm : (n (n - 1) / 2,) float64, upper triangle row by row.
    gram : what is kept of the features beside it, if that was asked for.
    """

    name: str
    index: int
    depth: float
    width: int
    rdm: NDArray[np.float64]
    gram: LayerGram | None = None


@dataclass(frozen=True)
class NetworkRdms:
    """The RDMs of a network's layers, in the network's order, and notes on how they were computed."""

    layers: list[LayerRdm]
    notes: dict[str, Any]


class Recipe:
    """The taps, spool and notes of one set of settings; a context manager.

    module : the network.
    candidates : names of the modules that may be read.
    keeps_grams : whether Gram matrices are kept beside the RDMs.
    choice : which of their outputs are read, if a dry pass has decided that; else all.
    pool : how outputs are pooled, if they are.
    widths : layer -> number of features, in the network's order; filled by `Showing.measure`.
    shapes : layer -> shape of these features; filled at the same time.
    input_key : equal for settings that show the network the same input.
    """

    def __init__(
        self,
        network: Network,
        module: torch.nn.Module,
        settings: ExtractionSettings,
        options: How,
        *,
        keeps_grams: bool = False,
    ) -> None:
        settings = settings_for(network, settings)
        self.settings, self.options, self.keeps_grams = settings, options, keeps_grams
        self.averages_clips_pairwise = (
            network.takes != "frames" and settings.clip_average == "running_pairwise"
        )
        self.input_key = input_key(network, settings, options)
        self._network, self.module = network, module
        self.candidates = self._layers = layers_of(module, network, settings.layer_list)
        self.choice: ReadableLayers | None = None
        self.pool: Pooling | None = None
        self.widths: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._inputs: dict[str, tuple[int, int, int]] = {}
        self._rdms: dict[str, NDArray[np.float64]] = {}
        self._grams: dict[str, LayerGram] = {}
        self._skipped: dict[str, str] = {}
        self._dropped: dict[str, str] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            taps = Taps(self.module, self._layers, self.settings.tap, muted=True, pool=self.pool)
            self.taps = stack.enter_context(taps)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def choose(self, choice: ReadableLayers) -> None:
        """Read only these layers; call it before the taps are set."""
        self.choice, self._layers = choice, list(choice.modules)

    def measured(self, measures: Mapping[str, Measure]) -> None:
        """Set the sizes of the layers.

        Raises
        ------
        AlignhouseError : a layer is never called, or returns no tensor.
        BadInput : the layers differ from those of the dry pass.
        """
        if self.choice is None:
            self._check_seen()
            chosen = dict(measures)
            self._dropped = dict(self.taps.seen.unpoolable)
            if self._dropped and self.options["say"] is not None:
                name = self.options["model"] or self._network.name
                self.options["say"](said_of_dropped(name, len(chosen), self._dropped))
        else:
            self._check_choice(self.choice, measures)
            self._dropped = dict(self.choice.dropped)
            chosen = {name: measures[name] for name in self.choice.layers}
        if not chosen and self._dropped:
            raise BadInput(
                f"layers of network {self._network.name}",
                expected=f'some that pooling = "{self.settings.pooling}" fits',
                found="; ".join(f"{name}: {reason}" for name, reason in self._dropped.items()),
                hint=f"choose another pooling in {key_of_pooling(self._network)}",
            )
        self.taps.keep_only(frozenset(chosen))
        self.widths = {name: measure.width for name, measure in chosen.items()}
        self.shapes = {name: measure.shape for name, measure in chosen.items()}

    def _check_seen(self) -> None:
        refuse_unreadable(self._network, self.taps.seen)

    def _check_choice(self, choice: ReadableLayers, measures: Mapping[str, Measure]) -> None:
        differing = [name for name in choice.modules if choice.calls[name] != self.taps.seen.calls[name]]
        if differing or not measures.keys() >= set(choice.layers):
            raise BadInput(
                f"layers of network {self._network.name}",
                expected="the same calls for every stimulus",
                found="other calls of " + ", ".join(differing or set(choice.layers) - measures.keys()),
                hint=f"list other layers in {key_of_layers(self._network)}",
            )

    @contextmanager
    def keeping(self, layers: frozenset[str], *, on_device: bool) -> Iterator[Self]:
        """Keep the features of these layers, on disk or on the device, until the block ends."""
        self.taps.keep_only(layers)
        with Spool(
            self.options["scratch"],
            kind=self.settings.spool,
            on_device=on_device,
            skip_bad=self.options["skip_bad"],
        ) as self._spool:
            yield self

    def keep(self, stimulus: str, inputs: NetworkInputs, added: int, features: Features) -> None:
        """Keep the features of one stimulus. added : frames added to `inputs` to fit the network."""
        with naming_network(self._network):
            self._spool.append(features, stimulus)
        self._inputs[stimulus] = (inputs.frames_sampled, len(inputs.parts), inputs.black_frames + added)

    def make_rdms(self, on_layer: Callable[[str], None]) -> None:
        """Compute the RDMs of the layers whose features were kept in this pass.

        on_layer : called with the name of each layer when its RDM is made.
        """
        layers = self._spool.layers
        for number, layer in enumerate(layers, start=1):
            self.options["doing"](f"making RDMs, layer {number} of {len(layers)}")
            if layer.name in self._spool.skipped:
                continue
            try:
                with naming_network(self._network):
                    self._make_rdm(layer)
            except BadInput as error:
                if not self.options["skip_bad"]:
                    raise
                self._spool.skipped[layer.name] = str(error)
            on_layer(layer.name)
        self._skipped |= self._spool.skipped

    def _make_rdm(self, layer: SpooledLayer) -> None:
        memory = self.options["memory"]
        if self.keeps_grams:
            kept = layer_gram(layer, self.settings, memory)
            self._rdms[layer.name] = kept.rdm(self.settings.distance_of_grams, self.settings.centering)
            self._grams[layer.name] = kept
        else:
            self._rdms[layer.name] = layer_rdm(layer, self.settings, memory)

    def rdms(self, plan: Plan) -> NetworkRdms:
        """The RDMs of all passes, in the network's order."""
        last = max(len(self.widths) - 1, 1)
        layers = [
            LayerRdm(name, index, index / last, width, self._rdms[name], self._grams.get(name))
            for index, (name, width) in enumerate(self.widths.items())
            if name in self._rdms
        ]
        if not layers:
            raise BadInput(
                f"RDMs of network {self._network.name}",
                expected="a layer that can be correlated",
                found="none",
                hint=f"list other layers in {key_of_layers(self._network)}",
            )
        sampled, parts, added = zip(*self._inputs.values(), strict=True)
        fitted = {name: of_stimulus[2] for name, of_stimulus in self._inputs.items() if of_stimulus[2]}
        notes: dict[str, Any] = {
            "frames_sampled": list(sampled),
            "parts_averaged": list(parts),
            "frame_count_rule": self.settings.frame_count if any(added) else None,
            "frames_added": fitted,
            "skipped_layers": {name: self._skipped[name] for name in self.widths if name in self._skipped},
        }
        if self.choice is not None or self._dropped:
            notes["dropped_layers"] = self._dropped
        if self.settings.reduction == "pca":
            notes["pca_components"] = {
                layer.name: effective_components(self.settings, plan.n_stimuli, layer.width)
                for layer in layers
            }
        return NetworkRdms(layers, notes)


def effective_components(settings: ExtractionSettings, n_stimuli: int, width: int) -> int:
    """Number of principal components used: at most n_stimuli - 2, and at most the width."""
    return min(settings.pca_components, n_stimuli - 2, width)


def layer_rdm(layer: SpooledLayer, settings: ExtractionSettings, memory: float) -> NDArray[np.float64]:
    """The RDM of a layer from the features of all stimuli, (n (n - 1) / 2,) float64.

    Parameters
    ----------
    memory : limit in bytes for a block of features.

    Raises
    ------
    BadInput : the pattern is the same for all stimuli, or has no variance.
    """
    products = _products(layer, memory)
    means = layer.means
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
        # Centring across stimuli does not change differences between stimuli.
        return manhattan_rdm(layer.blocks(memory))
    return centred_rdm_of_gram(products, means, layer.width, settings.distance, settings.centering)


def layer_gram(layer: SpooledLayer, settings: ExtractionSettings, memory: float) -> LayerGram:
    """What is kept of a layer, from which its RDM under `settings` derives; see `layer_rdm`."""
    kept = LayerGram.of(_products(layer, memory), layer.means, layer.width)
    if settings.reduction != "pca":
        return kept
    n_components = effective_components(settings, len(kept.means), layer.width)
    # From the products that are kept: those of a GPU may be asymmetric by a rounding error.
    _, vectors = gram.principal_components(kept.products, kept.means, layer.width, n_components)
    signs = gram.loading_signs(vectors, layer.blocks(memory))
    return replace(kept, anchors=gram.anchors_of(vectors, signs))


def _products(layer: SpooledLayer, memory: float) -> NDArray[np.float64]:
    products = gram.row_centred_gram(layer.blocks(memory), layer.means)
    if gram.share_between_stimuli(products) < ROUNDING:
        raise BadInput(
            f"layer {layer.name}",
            expected="features that differ between stimuli",
            found="the same pattern for all of them",
            hint="set networks.skip_bad = true",
        )
    return products


def input_key(network: Network, settings: ExtractionSettings, options: How) -> InputKey:
    """Equal for settings that show the network the same input."""
    order = () if settings.order == "given" else (settings.order,)
    if network.takes != "frames":
        return (
            settings.decoder,
            *order,
            *((settings.frame_count,) if network.format_shape == "NCHW" else ()),
        )
    depends_on_style = options["transform"] is None and source_of(network).uses_transform_setting
    style = settings.torchvision_transform if depends_on_style else ""
    return (settings.decoder, *order, settings.channel_order, style)
