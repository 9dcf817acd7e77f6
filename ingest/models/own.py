"""Networks of the user's own: what a study declares of one, and the record that comes of it.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from alignhouse.ingest.models.catalog import CLIP_FIELDS, PAPER_92, STUDY_99, Network, Own, catalog
from alignhouse.warehouse.errors import BadInput, near_names

UNKNOWN = "unknown"
RANDOM = "random"
_CHECKPOINTS = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".tar")
# It becomes a folder, and must not read like a glob, or like an untrained network of another name.
_NAME = re.compile(r"[\w.+@-]+")
_UNTRAINED = re.compile(r"-random\d+$")
_ONLY_OF = {
    **dict.fromkeys(CLIP_FIELDS, "mmaction2"),
    "features_only": "timm",
    "transform": "torchvision",
    "takes": "function",
}


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_as_list)]


class OwnNetwork(BaseModel):
    """A network that is not in the catalog: `[networks.own.NAME]` of a study file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["torchvision", "timm", "mmaction2", "function"] = Field(
        description="torchvision, timm, mmaction2, or function for any other module"
    )
    id: str = Field(
        min_length=1,
        description="builder of torchvision; identifier of timm; configuration of mmaction2, a file or one "
        "of its wheel; package.module:function, which gives (module, transform, name)",
    )
    weights: str | None = Field(
        None,
        description="name of the hub's weights, a checkpoint file, or random; default: the hub's own choice "
        "(torchvision, timm), what the function gives",
    )
    sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="what the checkpoint file must be, 64 hexadecimal digits"
    )
    folder: Path = Field(
        Path("."), description="where its files and modules are looked for; default: the study file's folder"
    )
    layers: Names = Field(
        [],
        description="names of modules, or globs (* within a name's part, ** across dots); default: the "
        "automatic rule",
    )
    takes: Literal["frames", "video"] | None = Field(
        None,
        description="function: the transform takes a frame (PIL image -> (3, H, W); the default) or a video "
        "((T, H, W, 3) uint8 -> (clips, ...))",
    )
    features_only: bool | None = Field(None, description="timm: build it for its feature maps only")
    transform: str | None = Field(
        None,
        description="torchvision: weights whose transform to use; default: the weights', else the builder's",
    )
    clip_len: int | None = Field(
        None,
        gt=0,
        description="mmaction2: frames of a clip; default, of the next keys too: what the configuration says",
    )
    frame_interval: int | None = Field(
        None, gt=0, description="mmaction2: frames between two frames of a clip"
    )
    dense: bool | None = Field(None, description="mmaction2: dense sampling instead of uniform sampling")
    format_shape: Literal["NCHW", "NCTHW"] | None = Field(None, description="mmaction2: format of its input")
    resize: int | None = Field(None, gt=0, description="mmaction2: pixels of the short edge before the crop")
    crop: int | None = Field(None, gt=0, description="mmaction2: pixels of the square in the middle")
    frame_multiple: int | None = Field(
        None, gt=0, description="mmaction2: frames of a call must be a multiple of this; 1 where seen singly"
    )
    frames_per_call: int | None = Field(
        None, gt=0, description="mmaction2, NCHW: frames of a call at most; default: all in one call"
    )
    model_type: str = Field(UNKNOWN, description="for tables and figures: what it was trained on and for")
    arch_type: str = Field(UNKNOWN, description="for tables and figures: CNNs, Transformers, or another")
    family: str = Field(UNKNOWN, description="for tables and figures")
    training_dataset: str = Field(UNKNOWN, description="for tables and figures")
    parameters: int | None = Field(None, gt=0, description="for tables: how many it has")
    gflops: float | None = Field(None, gt=0, description="for tables: 1e9 multiply-adds of one call")
    top1: float | None = Field(None, gt=0, le=100, description="for tables: accuracy in per cent")

    @property
    def has_checkpoint(self) -> bool:
        """Whether `weights` names a file."""
        return self.weights is not None and self.weights.endswith(_CHECKPOINTS)

    @model_validator(mode="after")
    def _says_what_its_source_needs(self) -> OwnNetwork:
        for key, source in _ONLY_OF.items():
            if getattr(self, key) is not None and self.source != source:
                raise ValueError(f"{key} only with source = {source!r}")
        if self.source == "mmaction2" and not (self.has_checkpoint or self.weights == RANDOM):
            raise ValueError(
                f"weights of mmaction2: a checkpoint file ({', '.join(_CHECKPOINTS)}), or random"
            )
        if self.source == "function" and self.weights not in (None, RANDOM):
            raise ValueError("weights of a function: what it gives; random, to say that they are")
        if self.sha256 is not None and not self.has_checkpoint:
            raise ValueError("sha256 only with a checkpoint file as weights")
        return self


def network_of(name: str, declared: OwnNetwork) -> Network:
    """The record of a network that a study declares under `name`.

    What it names must exist, but for the checkpoint file, which is looked at when weights are. This imports
    the library that the network comes from, or the function's module.

    Raises
    ------
    BadInput : a name that cannot be used, an unknown builder, identifier, configuration, function or weights,
        or a configuration that does not say how clips are made where the study does not either.
    """
    _check_name(name)
    found = _SOURCES[declared.source](name, declared)
    own = Own(
        origin=_origin(declared),
        folder=declared.folder,
        checkpoint=declared.folder / str(declared.weights) if declared.has_checkpoint else None,
        sha256=declared.sha256,
        takes=declared.takes or "frames",
        transform=found.pop("transform", None),
        code=found.pop("code", None),
    )
    nothing: dict[str, Any] = dict.fromkeys(Network.model_fields)
    return Network.model_validate(
        {
            **nothing,
            **declared.model_dump(include={"model_type", "arch_type", "family", "training_dataset", "top1"}),
            "name": name,
            "source": declared.source,
            "source_id": declared.id,
            "in_study_99": False,
            "default": False,
            "weights": declared.weights or UNKNOWN,
            "parameters_published": declared.parameters,
            "gflops_published": declared.gflops,
            "layers": tuple(declared.layers),
            "layers_paper": (),
            "skips": (),
            "skips_paper": (),
            "not_tapped": (),
            **found,
            "own": own,
        }
    )


def _check_name(name: str) -> None:
    place = f"[networks.own.{name}]"
    if name in catalog() or name in (STUDY_99, PAPER_92):
        raise BadInput(place, found="a network of the catalog has that name", hint="choose another name")
    if not _NAME.fullmatch(name) or _UNTRAINED.search(name) or name.startswith("."):
        raise BadInput(
            place,
            expected="a name of letters, digits and . _ + @ -",
            found=repr(name),
            hint="-random<seed> is added to the names of untrained networks" if "-random" in name else None,
        )


def _origin(declared: OwnNetwork) -> Literal["hub", "checkpoint", "function", "random"]:
    if declared.weights == RANDOM:
        return "random"
    if declared.has_checkpoint:
        return "checkpoint"
    return "function" if declared.source == "function" else "hub"


def _of_torchvision(name: str, declared: OwnNetwork) -> dict[str, Any]:
    from alignhouse.ingest.models.sources import torchvision

    builders = torchvision.image_builders()
    if declared.id not in builders:
        raise BadInput(
            f"network {name}: torchvision has no image classifier {declared.id!r}",
            hint=near_names(declared.id, builders) + " Any other module comes through a function.",
        )
    published = torchvision.published_weights(declared.id)
    hub = declared.weights if _origin(declared) == "hub" else None
    for weights in (hub, declared.transform):
        if weights is not None and weights not in published:
            raise BadInput(
                f"network {name}: torchvision's {declared.id} has no weights {weights!r}",
                expected=f"{', '.join(published)}, a checkpoint file, or random",
            )
    weights = hub or next(iter(published))
    found: dict[str, Any] = {"transform": declared.transform or weights}
    if _origin(declared) == "hub":
        address = published[weights]
        found |= {"weights": weights, "weights_url": address}
        found["weights_sha_prefix"] = torchvision.sha256_in_name(address)
    return found


def _of_timm(name: str, declared: OwnNetwork) -> dict[str, Any]:
    from alignhouse.ingest.models.sources import timm

    hub = declared.weights if _origin(declared) == "hub" else None
    published = timm.published(declared.id)
    if published is None:
        known = timm.identifiers()
        raise BadInput(f"network {name}: timm has no {declared.id!r}", hint=near_names(declared.id, known))
    found: dict[str, Any] = {"features_only": bool(declared.features_only)}
    if _origin(declared) != "hub":
        return found
    if hub is not None:
        architecture = published.architecture
        published = timm.published(hub)
        if published is None or published.architecture != architecture:
            raise BadInput(
                f"network {name}: timm has no weights {hub!r} of {architecture}",
                expected=f"{', '.join(timm.identifiers(architecture))}, a checkpoint file, or random",
            )
    if published.address is None:
        raise BadInput(
            f"network {name}: timm has no weights of {declared.id!r}", hint='a checkpoint file, or "random"'
        )
    identifier = published.identifier
    return found | {"source_id": identifier, "weights": identifier, "weights_url": published.address}


def _of_mmaction2(name: str, declared: OwnNetwork) -> dict[str, Any]:
    from alignhouse.ingest.models.sources import mmaction2
    from alignhouse.ingest.models.sources.pipelines import sampling_of

    config = mmaction2.own_config(name, declared.id, declared.folder)
    given = {key: value for key in CLIP_FIELDS if (value := getattr(declared, key)) is not None}
    sampling = {**sampling_of(config), **given}
    lacking = [key for key in CLIP_FIELDS if key not in sampling and key != "frames_per_call"]
    if lacking:
        raise BadInput(
            f"network {name}: {declared.id} does not say how clips are made",
            expected=", ".join(lacking),
            found=", ".join(f"{key} = {value}" for key, value in sampling.items()) or "nothing of it",
            hint=f"set what is lacking in [networks.own.{name}]",
        )
    return {**sampling, "crop_type": "center_crop", "code": mmaction2.config_sha256(config["model"])}


def _of_function(name: str, declared: OwnNetwork) -> dict[str, Any]:
    from alignhouse.ingest.models.sources.function import source_sha256

    return {"code": source_sha256(name, declared.id, declared.folder)}


_SOURCES = {
    "torchvision": _of_torchvision,
    "timm": _of_timm,
    "mmaction2": _of_mmaction2,
    "function": _of_function,
}
