"""The record of one network: what is known about it before it is built.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

WeightsKind = Literal["pretrained", "random"]
PoolingKind = Literal["none", "mean", "cls", "max"]
_ARCHITECTURES = ("CNNs", "Transformers")
_OBJECTIVES = ("supervised", "contrastive", "masked", "distillation", "predictive")
# How a video is cut into clips, for networks that are shown clips.
CLIP_FIELDS = (
    "clip_len",
    "frame_interval",
    "dense",
    "format_shape",
    "resize",
    "crop",
    "frame_multiple",
    "frames_per_call",
)
# Fields that job keys do not hold.
_DESCRIPTIONS = {"own", "objective", "resolution", "licence"}
# The fields that features depend on, apart from the weights.
_FEATURE_FIELDS = ("source", "source_id", *CLIP_FIELDS, "features_only", "layers")


class Own(BaseModel):
    """Where a network that a study declares (`[networks.own.NAME]`) gets its code, weights and input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: Literal["source", "checkpoint", "random"] = Field(
        description="where the weights come from: the source itself (a hub, a function), a file, or chance"
    )
    folder: Path = Field(description="folder to search for the study's own files and modules")
    shipped: bool = Field(default=False, description="declared in modern.toml, not in the study file")
    checkpoint: Path | None = None
    sha256: str | None = Field(default=None, description="expected sha256 of the checkpoint file")
    takes: Literal["frames", "video"] = Field(default="frames", description="input of the transform")
    arguments: dict[str, Any] | None = Field(default=None, description="arguments of a function, by name")
    untrained: dict[str, Any] | None = Field(
        default=None, description="arguments that replace these for the untrained network"
    )
    transform: str | None = Field(default=None, description="torchvision weights whose transform is used")
    config: dict[str, Any] | None = Field(default=None, description="declared keys of a configuration")
    processor: dict[str, Any] | None = Field(default=None, description="declared settings of a processor")
    code: str | None = Field(
        default=None, description="sha256 of the configuration or of the function's file"
    )
    pooling: PoolingKind | None = Field(default=None, description="none: that of the study")
    time: Literal["none", "mean"] | None = Field(default=None, description="none: that of the study")


class Network(BaseModel):
    """What is known about one network before it is built."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="the study's name for the network")
    model_type: str = Field(description="input and training task, e.g. image-in1k, video-k400")
    arch_type: str = Field(description="CNNs or Transformers; networks of a study's own may have any other")
    family: str
    training_dataset: str
    objective: str = Field(
        description="of the last training of the weights; in the catalog: supervised, contrastive, masked, "
        "distillation or predictive"
    )
    time_as: str | None = Field(description="how the architecture treats time; none for image networks")
    pretraining: Literal["none", "image", "video"] | None = Field(
        description="training before the last one; none where it is unknown or does not apply"
    )
    source: str = Field(description="name of the source that builds it, see `sources.registry`")
    source_id: str = Field(
        description="builder name, timm identifier, configuration of mmaction2, or package.module:function"
    )
    in_study_99: bool
    default: bool = Field(description="one of the 92 networks of the main analyses")
    weights: str = Field(description="torchvision weights enum, timm identifier, or checkpoint file name")
    weights_url: str | None
    weights_sha_prefix: str | None = Field(description="first hexadecimal digits of the file's sha256")
    weights_at_publication: str | None = Field(
        description="timm identifier of the study's weights, where timm's default has changed since"
    )
    parameters_published: int | None = Field(gt=0)
    parameters_counted: int | None = Field(gt=0, description="counted on the built network")
    gflops_published: float | None = Field(gt=0)
    gflops_counted: float | None = Field(gt=0, description="1e9 multiply-adds of one call, input_shape")
    top1: float | None = Field(gt=0, le=100, description="per cent, as published")
    resolution: int | None = Field(
        default=None,
        gt=0,
        description="pixels of a side of the square input; none in the catalog, which has input_shape",
    )
    licence: str | None = Field(default=None, description="of the weights; none where it is not known")
    clip_len: int | None = Field(gt=0, description="frames of a clip; none: the network is not shown clips")
    frame_interval: int | None = Field(gt=0, description="frames between two frames of a clip")
    clips_for_90_frames: int | None = Field(gt=0)
    dense: bool | None = Field(description="dense sampling instead of uniform sampling")
    format_shape: Literal["NCHW", "NCTHW"] | None
    resize: int | None = Field(gt=0, description="pixels of the short edge before the crop")
    crop_type: Literal["center_crop"] | None
    crop: int | None = Field(gt=0, description="pixels of the square crop")
    frame_multiple: int | None = Field(gt=0, description="frames in one call must be a multiple of this")
    frames_per_call: int | None = Field(
        gt=0, description="most frames in one call (NCHW); frames are dealt to calls in turn; none: one call"
    )
    input_shape: tuple[int, ...] | None = Field(description="input of one call for 90 frames")
    features_only: bool | None = Field(description="built with timm's features_only")
    needs: str | None = Field(description="an additional package that must be installed, if any")
    layers: tuple[str, ...] = Field(description="explicit layers; empty: the source's default layers")
    layers_paper: tuple[str, ...] = Field(
        description="explicit layers of the published lists, where they differ"
    )
    skips: tuple[str, ...] = Field(description="default layers to leave out, dots written as underscores")
    skips_paper: tuple[str, ...] = Field(description="further layers that the published lists leave out")
    not_tapped: tuple[str, ...] = Field(
        description="default layers that are never called, or are the same for every stimulus"
    )
    own: Own | None = Field(default=None, description="none for networks of the catalog")

    @property
    def takes(self) -> Literal["frames", "clips", "video"]:
        """What the network is shown: single frames, sampled clips, or what its transform makes of a video."""
        if self.own is not None and self.own.takes == "video":
            return "video"
        return "frames" if self.clip_len is None else "clips"

    @property
    def tries_layers(self) -> bool:
        """Whether a dry pass decides which of the named layers are read; those of the catalog are known."""
        return self.own is not None

    @property
    def declared_in(self) -> str | None:
        """The table of the study file that declares the network; None for a network of a catalog."""
        return None if self.own is None or self.own.shipped else f"[networks.own.{self.name}]"

    def identity(self) -> dict[str, Any]:
        """What job keys hold of the network.

        A network of the catalog: every column of its file but the objective. Any other network: what its
        features depend on, apart from its weights, but neither its descriptions nor the place of its files.
        """
        if self.own is None:
            return self.model_dump(mode="json", exclude=_DESCRIPTIONS)
        fields = {"takes", "arguments", "transform", "config", "processor", "code"}
        own = self.own.model_dump(mode="json", include=fields, exclude_none=True)
        return {**self.model_dump(mode="json", include=set(_FEATURE_FIELDS)), "own": own}

    @model_validator(mode="after")
    def _is_consistent(self) -> Network:
        if self.own is None and self.arch_type not in _ARCHITECTURES:
            raise ValueError(f"a network of the catalog is one of {' or '.join(_ARCHITECTURES)}")
        if self.own is None and self.objective not in _OBJECTIVES:
            raise ValueError(f"the objective of a network of the catalog is one of {', '.join(_OBJECTIVES)}")
        if self.layers and (self.skips or self.not_tapped):
            raise ValueError("explicit layers and skips exclude each other")
        return self
