"""Encoders of images and videos from transformers: untrained, or with weights of a folder or of the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.declaration import RANDOM, Declaration
from alignhouse.ingest.models.network import Network, WeightsKind
from alignhouse.ingest.models.sources.automatic_layers import automatic_layers
from alignhouse.ingest.models.sources.base import HubSource, need_package
from alignhouse.ingest.models.sources.clips import ClipTransform
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.models.sources.source import Built, ImageTransform, MissingWeights, TransformStyle
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
    find_place,
    no_weights,
    weights_sha256,
)
from alignhouse.ingest.models.sources.transformers_inputs import (
    ClipInput,
    ImageInput,
    default_processor,
    saved_processor,
)
from alignhouse.warehouse.errors import BadInput, error_in_words, near_names

if TYPE_CHECKING:
    import torch


class Transformers(HubSource):
    """The encoders of images and videos of all models of transformers. No code of a repository is run."""

    name = "transformers"
    keys = frozenset({"clip_len", "frame_interval", "transform"})
    hub = HUB

    def check_declaration(self, declared: Declaration) -> None:
        if declared.has_checkpoint:
            raise ValueError(
                "weights of transformers: a revision of the hub, or random; "
                "a folder with config.json and safetensors is given as id"
            )
        if declared.id.startswith(MODEL_TYPE) and declared.weights != RANDOM:
            raise ValueError(f'{MODEL_TYPE}... has no weights: set weights = "random", or give another id')

    def record(self, name: str, declared: Declaration) -> dict[str, Any]:
        """Reads the configuration and the description of the transform; builds nothing.

        Raises
        ------
        BadInput : transformers is not installed, or the model cannot be found, takes no images or videos, or
            does not say how many frames a clip has.
        """
        _load(name)
        revision = declared.weights if declared.origin == "source" and declared.weights else MAIN
        place, config = _described(name, declared.id, declared.folder, revision)
        found: dict[str, Any] = {"weights": RANDOM if declared.origin == "random" else revision}
        if place is not None and place.repository is not None:
            found["weights_url"] = f"{HUB}/{place.repository}"
        found |= clips_of(name, declared, config)
        processor = _processor(name, declared, place, config, video=found["takes"] == "video")
        described: dict[str, Any] = {
            "transform": declared.transform,
            "processor": type(processor).__name__,
        }
        if declared.transform is not None:
            described["settings"] = _plain(processor)
        code = description_sha256(place, described)
        return {**found, "transform": declared.transform, "code": code}

    def build(self, network: Network, weights: WeightsKind, folder: Path | None) -> Built:
        built = super().build(network, weights, folder)
        if weights != "random":
            built = replace(built, found_weights=self.weights_identity(network, weights, 0))
        if network.takes != "video":
            return built
        assert network.clip_len is not None
        assert network.frame_interval is not None
        of_clip = ClipInput(_processor_of(network), network.name)
        return replace(built, transform=ClipTransform(network.clip_len, network.frame_interval, of_clip))

    def build_random(self, network: Network) -> torch.nn.Module:
        _load(network.name)
        import torch
        from transformers import AutoModel

        _, config = _described_of(network)
        with _quietly():
            model = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
        return encoder_of(network.name, network.source_id, model)[1]

    def build_from_hub(self, network: Network) -> torch.nn.Module:
        """The encoder with the safetensors of its folder; those of the hub are downloaded if need be.

        Raises
        ------
        BadInput : a file is missing, damaged or not the published one, or the encoder is not complete.
        """
        _load(network.name)
        place, config = _described_of(network)
        assert place is not None
        if place.repository is not None and not place.has_weights():
            download_weights(network.name, place)
        checked_weights(network.name, place)
        return _trained(network, place, config)

    def is_cached(self, network: Network) -> bool:
        place, _ = _described_of(network)
        return place is not None and place.has_weights()

    def missing_weights(
        self, network: Network, folder: Path | None, answers: Callable[[str], bool]
    ) -> MissingWeights | None:
        place, _ = _described_of(network)
        if place is None or place.repository is not None:
            return super().missing_weights(network, folder, answers)
        if place.has_weights():
            return None
        error = no_weights(network.name, place, place.folder / "model.safetensors")
        return MissingWeights(f"{network.name}: no {error.expected}, but {error.found}", "save them there")

    def weights_identity(self, network: Network, weights: WeightsKind, seed: int) -> str:
        if weights == "random":
            return super().weights_identity(network, weights, seed)
        place, _ = _described_of(network)
        assert place is not None
        return f"pretrained:{self.name}:sha256={weights_sha256(network.name, place)}"

    def transform(self, network: Network, style: TransformStyle) -> ImageTransform:
        """The model's own image processor, whatever the style."""
        return ImageInput(_processor_of(network), network.name)

    def default_layers(self, module: torch.nn.Module) -> Sequence[str]:
        """Those of the automatic rule, without heads, poolers, predictors and decoders."""
        return [name for name in automatic_layers(module) if name.split(".")[0] not in NOT_THE_ENCODER]

    def forward(self, module: torch.nn.Module, call: torch.Tensor) -> None:
        module(**{pixels_of(type(module)): call}, **patches_in_order(module, call))


def _load(network: str) -> None:
    load_torchvision()
    need_package(network, "transformers", "transformers")


def _described(network: str, identifier: str, folder: Path, revision: str = MAIN) -> tuple[Place | None, Any]:
    """The place of a model, None for a model type, and its configuration."""
    place, config = _found(network, identifier, folder, revision)
    if hasattr(config, "mask_ratio"):
        # Masked autoencoders hide parts of the image in training; here they are shown all of it.
        config.mask_ratio = 0.0
    return place, config


def _found(network: str, identifier: str, folder: Path, revision: str) -> tuple[Place | None, Any]:
    from transformers import CONFIG_MAPPING, AutoConfig

    if identifier.startswith(MODEL_TYPE):
        kind = identifier.removeprefix(MODEL_TYPE)
        if kind not in CONFIG_MAPPING:
            raise BadInput(
                f"network {network}: transformers has no model type {kind!r}",
                hint=near_names(kind, list(CONFIG_MAPPING)),
            )
        return None, CONFIG_MAPPING[kind]()
    place = find_place(network, identifier, folder, revision)
    try:
        with _quietly():
            config = AutoConfig.from_pretrained(place.folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # a configuration of the study's own may hold anything
        raise BadInput(
            f"network {network}: {place.folder / 'config.json'}",
            expected="a configuration of a model of transformers itself",
            found=error_in_words(error),
        ) from error
    return place, config


def _described_of(network: Network) -> tuple[Place | None, Any]:
    assert network.own is not None
    revision = network.weights if network.own.origin == "source" else MAIN
    return _described(network.name, network.source_id, network.own.folder, revision)


def _processor(
    name: str, declared: Declaration | Network, place: Place | None, config: Any, *, video: bool
) -> Any:
    """The processor of the folder, of the model that `transform` names, or else the default of the type."""
    own = declared.own if isinstance(declared, Network) else declared
    assert own is not None
    part = with_frames(config)
    model_type = config.model_type
    if own.transform is not None:
        place, other = _described(name, own.transform, own.folder)
        model_type = other.model_type
    if place is not None and place.processors():
        return saved_processor(name, place, video=video)
    origin = own.origin
    if origin != "random" and own.transform is None:
        raise BadInput(
            f"transform of network {name}",
            expected=f"preprocessor_config.json in {place.folder if place else own.folder}",
            found="none",
            hint=f'add it, or name a model whose transform it uses, such as transform = "{MODEL_TYPE}vit"',
        )
    return default_processor(name, model_type, part, video=video)


def _processor_of(network: Network) -> Any:
    place, config = _described_of(network)
    return _processor(network.name, network, place, config, video=network.takes == "video")


def _plain(processor: Any) -> dict[str, Any]:
    import json

    described: dict[str, Any] = json.loads(processor.to_json_string())
    return described


def _trained(network: Network, place: Place, config: Any) -> torch.nn.Module:
    import torch
    from transformers import AutoModel

    what = f"weights of network {network.name} in {place.folder}"
    try:
        with _quietly():
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
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise BadInput(
            what, expected=f"all tensors of {config.model_type}", found=f"no {', '.join(missing[:3])}{more}"
        )
    return encoder


@contextmanager
def _quietly() -> Iterator[None]:
    """Silences progress bars and reports; what matters in them is checked."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
