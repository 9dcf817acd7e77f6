"""Encoders of images and videos from transformers: untrained, or with weights of a folder or of the hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.declaration import PLAIN, RANDOM, Declaration, fits_job_key
from alignhouse.ingest.models.network import Network, WeightsKind
from alignhouse.ingest.models.sources.automatic_layers import automatic_layers
from alignhouse.ingest.models.sources.base import HubSource, need_package
from alignhouse.ingest.models.sources.clips import ClipTransform
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.source import Built, ImageTransform, MissingWeights, TransformStyle
from alignhouse.ingest.models.sources.transformers_configs import (
    KIND,
    described,
    describes_itself,
    quietly,
)
from alignhouse.ingest.models.sources.transformers_encoders import (
    NOT_THE_ENCODER,
    clips_of,
    encoder_of,
    patches_in_order,
    pixels_of,
    with_frames,
)
from alignhouse.ingest.models.sources.transformers_files import (
    HUB,
    MAIN,
    MODEL_TYPE,
    Place,
    checked_weights,
    description_sha256,
    download_weights,
    is_here,
    no_weights,
    weights_sha256,
)
from alignhouse.ingest.models.sources.transformers_inputs import (
    ClipInput,
    ImageInput,
    default_processor,
    saved_processor,
)
from alignhouse.warehouse.errors import BadInput, error_in_words, some_names

if TYPE_CHECKING:
    import torch


class Transformers(HubSource):
    """The encoders of images and videos of all models of transformers. No code of a repository is run."""

    name = "transformers"
    keys = frozenset({"clip_len", "frame_interval", "transform", "config", "processor"})
    hub = HUB

    def check_declaration(self, declared: Declaration) -> None:
        if declared.has_checkpoint:
            raise ValueError(
                "weights of transformers: a revision of the hub, or random; "
                "a folder with config.json and safetensors is given as id"
            )
        if declared.id.startswith(MODEL_TYPE) and declared.weights != RANDOM:
            raise ValueError(f'{MODEL_TYPE}... has no weights: set weights = "random", or give another id')
        if declared.id.startswith(MODEL_TYPE) and KIND in (declared.config or {}):
            raise ValueError(f"{KIND} in config and in id: leave it out of config")
        for key, value in [*(declared.config or {}).items(), *(declared.processor or {}).items()]:
            if not fits_job_key(value):
                raise ValueError(f"config and processor: {PLAIN}; {key} holds another value")

    def record(self, name: str, declared: Declaration) -> dict[str, Any]:
        """Reads the configuration and the description of the transform; builds nothing.

        If the declaration has a configuration with its `model_type`, the hub is not asked.

        Raises
        ------
        BadInput : transformers is not installed, or the model cannot be found, takes no images or videos, or
            does not say how many frames a clip has.
        """
        _load(name)
        revision = declared.weights if declared.origin == "source" and declared.weights else MAIN
        itself = describes_itself(declared.id, declared)
        untrained = itself or declared.origin == "random"
        place, config = described(
            name, declared.id, declared.folder, revision, declared=declared.config, untrained=untrained
        )
        found: dict[str, Any] = {"weights": RANDOM if declared.origin == "random" else revision}
        if itself and not (declared.folder / declared.id).is_dir():
            found["weights_url"] = f"{HUB}/{declared.id}"
        elif place is not None and place.repository is not None:
            found["weights_url"] = f"{HUB}/{place.repository}"
        found |= clips_of(name, declared, config)
        video = found["takes"] == "video"
        processor = _processor(name, declared, place, config, video=video, untrained=untrained)
        shown: dict[str, Any] = {
            "transform": declared.transform,
            "processor": type(processor).__name__,
        }
        if declared.transform is not None or declared.processor or itself:
            shown["settings"] = _plain(processor)
        code = description_sha256(place, shown)
        return {**found, "transform": declared.transform, "code": code}

    def build(self, network: Network, weights: WeightsKind, folder: Path | None) -> Built:
        built = super().build(network, weights, folder)
        if weights != "random":
            built = replace(built, found_weights=self.weights_identity(network, weights, 0))
        assert network.own is not None
        if network.takes != "video" and not describes_itself(network.source_id, network.own):
            return built
        processor = _processor_of(network, untrained=weights == "random")
        if network.takes != "video":
            return replace(built, transform=ImageInput(processor, network.name))
        assert network.clip_len is not None
        assert network.frame_interval is not None
        of_clip = ClipInput(processor, network.name)
        return replace(built, transform=ClipTransform(network.clip_len, network.frame_interval, of_clip))

    def build_random(self, network: Network) -> torch.nn.Module:
        _load(network.name)
        import torch
        from transformers import AutoModel

        _, config = _described_of(network, untrained=True)
        with quietly():
            model = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
        encoder = encoder_of(network.name, network.source_id, model)[1]
        assert network.own is not None
        if describes_itself(network.source_id, network.own) and "pooler" in vars(encoder)["_modules"]:
            # As in the trained encoder, whose weights often lack it.
            vars(encoder)["_modules"]["pooler"] = None
        return encoder

    def build_from_hub(self, network: Network) -> torch.nn.Module:
        """The encoder with the safetensors of its folder; those of the hub are downloaded if need be.

        Raises
        ------
        BadInput : a file is missing, damaged or not the published one, or the encoder is not complete.
        """
        _load(network.name)
        place, config = _described_of(network, untrained=False)
        assert place is not None
        if place.repository is not None and not place.has_weights():
            download_weights(network.name, place)
        checked_weights(network.name, place)
        return _trained(network, place, config)

    def is_cached(self, network: Network) -> bool:
        place, _ = _described_of(network, untrained=False)
        return place is not None and place.has_weights()

    def missing_weights(
        self, network: Network, folder: Path | None, answers: Callable[[str], bool]
    ) -> MissingWeights | None:
        assert network.own is not None
        if network.weights_url and not is_here(network.source_id, network.own.folder, network.weights):
            # The declaration has the configuration, so the hub was not asked before.
            server = self.server(network)
            if network.own.origin == "source" and not answers(server):
                reason = f"{network.name}: {network.source_id} not cached and {server} does not answer"
                return MissingWeights(reason, "connect to the hubs")
        place, _ = _described_of(network, untrained=network.own.origin == "random")
        if place is None or place.repository is not None:
            return super().missing_weights(network, folder, answers)
        if place.has_weights():
            return None
        error = no_weights(network.name, place, place.folder / "model.safetensors")
        return MissingWeights(f"{network.name}: no {error.expected}, but {error.found}", "save them there")

    def weights_identity(self, network: Network, weights: WeightsKind, seed: int) -> str:
        if weights == "random":
            return super().weights_identity(network, weights, seed)
        place, _ = _described_of(network, untrained=False)
        assert place is not None
        assert network.own is not None
        identity = f"pretrained:{self.name}:sha256={weights_sha256(network.name, place)}"
        if describes_itself(network.source_id, network.own):
            # The network's own identity holds only the declared configuration.
            identity += f":described={description_sha256(place, {})}"
        return identity

    def transform(self, network: Network, style: TransformStyle) -> ImageTransform:
        """The model's own image processor, whatever the style.

        `build` gives that of the trained network where the declaration has the configuration.
        """
        assert network.own is not None
        itself = describes_itself(network.source_id, network.own)
        untrained = itself or network.own.origin == "random"
        return ImageInput(_processor_of(network, untrained=untrained), network.name)

    def default_layers(self, module: torch.nn.Module) -> Sequence[str]:
        """Those of the automatic rule, without heads, poolers, predictors and decoders."""
        return [name for name in automatic_layers(module) if name.split(".")[0] not in NOT_THE_ENCODER]

    def forward(self, module: torch.nn.Module, call: torch.Tensor) -> None:
        module(**{pixels_of(type(module)): call}, **patches_in_order(module, call))


def _load(network: str) -> None:
    load_torchvision()
    need_package(network, "transformers", "transformers")


def _described_of(network: Network, *, untrained: bool) -> tuple[Place | None, Any]:
    own = network.own
    assert own is not None
    revision = network.weights if own.origin == "source" else MAIN
    return described(
        network.name, network.source_id, own.folder, revision, declared=own.config, untrained=untrained
    )


def _processor(
    name: str,
    declared: Declaration | Network,
    place: Place | None,
    config: Any,
    *,
    video: bool,
    untrained: bool,
) -> Any:
    """The processor of the folder, of the model that `transform` names, or else the default of the type."""
    own = declared.own if isinstance(declared, Network) else declared
    assert own is not None
    part, settings = with_frames(config), own.processor or {}
    model_type = config.model_type
    if own.transform is not None:
        place, other = described(name, own.transform, own.folder, untrained=True)
        model_type = other.model_type
    if place is not None and place.processors():
        return saved_processor(name, place, settings, video=video, untrained=untrained)
    if not untrained and own.transform is None:
        raise BadInput(
            f"transform of network {name}",
            expected=f"preprocessor_config.json in {place.folder if place else own.folder}",
            found="none",
            hint=f'add it, or name a model whose transform it uses, such as transform = "{MODEL_TYPE}vit"',
        )
    return default_processor(name, model_type, part, settings, video=video)


def _processor_of(network: Network, *, untrained: bool) -> Any:
    place, config = _described_of(network, untrained=untrained)
    return _processor(
        network.name, network, place, config, video=network.takes == "video", untrained=untrained
    )


def _plain(processor: Any) -> dict[str, Any]:
    import json

    described: dict[str, Any] = json.loads(processor.to_json_string())
    return described


def _trained(network: Network, place: Place, config: Any) -> torch.nn.Module:
    import torch
    from transformers import AutoModel

    what = f"weights of network {network.name} in {place.folder}"
    try:
        with quietly():
            model, report = AutoModel.from_pretrained(
                place.folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:  # tensors of other shapes, or files that hold something else
        raise BadInput(what, expected=f"those of {config.model_type}", found=error_in_words(error)) from error
    name, encoder = encoder_of(network.name, network.source_id, model)
    prefix = f"{name}." if name else ""
    missing = sorted(key.removeprefix(prefix) for key in report["missing_keys"] if key.startswith(prefix))
    if missing and all(key.startswith("pooler.") for key in missing):
        # A pooler only follows the encoder; without it, nobody can read its random weights by mistake.
        vars(encoder)["_modules"]["pooler"] = None
        missing = []
    if missing:
        raise BadInput(
            what, expected=f"all tensors of {config.model_type}", found=f"no {some_names(missing, 3)}"
        )
    return encoder
