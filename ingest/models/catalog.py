"""What is known about a network, and the networks known to alignhouse: `catalog.csv` beside this file.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from alignhouse.warehouse.errors import BadInput, BrokenWarehouse, near_names

CATALOG = Path(__file__).with_name("catalog.csv")
STUDY_99 = "all"
PAPER_92 = "default"
_ARCHITECTURES = ("CNNs", "Transformers")
# How a video becomes clips, of networks of mmaction2.
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
# What a network's features depend on, beside its weights.
_SHAPING = ("source", "source_id", *CLIP_FIELDS, "features_only", "layers")


class Own(BaseModel):
    """How a network that a study declares (`models.own`) comes by its code, weights and input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: Literal["hub", "checkpoint", "function", "random"] = Field(description="of its weights")
    folder: Path = Field(description="where files and modules of the study's own are looked for")
    checkpoint: Path | None = None
    sha256: str | None = Field(default=None, description="what the checkpoint must be")
    takes: Literal["frames", "video"] = Field(default="frames", description="input of a function's network")
    transform: str | None = Field(default=None, description="torchvision weights whose transform it takes")
    code: str | None = Field(default=None, description="sha256 of the configuration, or the function's file")


class Network(BaseModel):
    """What is known about one network before it is built."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="the study's own name of the network")
    model_type: str = Field(description="what it was trained on and for, e.g. image-in1k, video-k400")
    arch_type: str = Field(description="CNNs or Transformers; of a network of one's own any")
    family: str
    training_dataset: str
    time_as: str | None = Field(description="how the architecture treats time; none for image networks")
    pretraining: Literal["none", "image", "video"] | None = Field(
        description="what the weights were before the last training; unknown or not applicable when none"
    )
    source: Literal["torchvision", "timm", "mmaction2", "function"]
    source_id: str = Field(
        description="builder name, timm identifier, configuration of mmaction2, or package.module:function"
    )
    in_study_99: bool
    default: bool = Field(description="one of the 92 networks of the main analyses")
    weights: str = Field(description="torchvision weights enum, timm identifier, or checkpoint file name")
    weights_url: str | None
    weights_sha_prefix: str | None = Field(description="first hexadecimal digits of the file's sha256")
    weights_at_publication: str | None = Field(
        description="timm identifier of the weights that the study used, where timm's default changed since"
    )
    parameters_published: int | None = Field(gt=0)
    parameters_counted: int | None = Field(gt=0, description="counted on the built network")
    gflops_published: float | None = Field(gt=0)
    gflops_counted: float | None = Field(gt=0, description="1e9 multiply-adds of one call, input_shape")
    top1: float | None = Field(gt=0, le=100, description="per cent, as published")
    clip_len: int | None = Field(gt=0, description="frames of a clip (mmaction2)")
    frame_interval: int | None = Field(gt=0, description="frames between two frames of a clip")
    clips_for_90_frames: int | None = Field(gt=0)
    dense: bool | None = Field(description="dense sampling instead of uniform sampling")
    format_shape: Literal["NCHW", "NCTHW"] | None
    resize: int | None = Field(gt=0, description="pixels of the short edge before the crop")
    crop_type: Literal["center_crop"] | None
    crop: int | None = Field(gt=0, description="pixels of the square crop")
    frame_multiple: int | None = Field(gt=0, description="frames in one call must be a multiple of this")
    frames_per_call: int | None = Field(
        gt=0, description="frames are dealt in turn to calls of at most this many (NCHW); none: one call"
    )
    input_shape: tuple[int, ...] | None = Field(description="input of one call for 90 frames")
    features_only: bool | None = Field(description="built with timm's features_only")
    needs: str | None = Field(description="package that must be installed besides, if any")
    layers: tuple[str, ...] = Field(description="explicit layers; empty: the automatic rule")
    layers_paper: tuple[str, ...] = Field(
        description="explicit layers of the published lists, where they differ"
    )
    skips: tuple[str, ...] = Field(description="layers left out of the rule, dots written as underscores")
    skips_paper: tuple[str, ...] = Field(description="patterns left out as well in the published lists")
    not_tapped: tuple[str, ...] = Field(
        description="layers of the rule that are never called, or are the same for every stimulus"
    )
    own: Own | None = Field(default=None, description="none for networks of the catalog")

    @property
    def takes(self) -> Literal["frames", "clips", "video"]:
        """Whether the network sees single frames, sampled clips, or what its transform makes of a video."""
        if self.source == "mmaction2":
            return "clips"
        return self.own.takes if self.own is not None else "frames"

    def identity(self) -> dict[str, Any]:
        """What job keys hold of the network.

        Of one of the catalog: every column. Of one of the user's own: what its features depend on, its
        weights apart; not what tables say about it, nor where its files lie.
        """
        if self.own is None:
            return self.model_dump(mode="json", exclude={"own"})
        own = self.own.model_dump(mode="json", include={"takes", "transform", "code"}, exclude_none=True)
        return {**self.model_dump(mode="json", include=set(_SHAPING)), "own": own}

    @model_validator(mode="after")
    def _is_of_a_known_kind(self) -> Network:
        if self.own is None and (self.source == "function" or self.arch_type not in _ARCHITECTURES):
            raise ValueError(
                f"a network of the catalog is of a library, and of {' or '.join(_ARCHITECTURES)}"
            )
        return self

    @model_validator(mode="after")
    def _sampling_is_complete(self) -> Network:
        sampling = (self.clip_len, self.frame_interval, self.dense, self.format_shape, self.resize, self.crop)
        if self.takes == "clips" and (None in sampling or self.frame_multiple is None):
            raise ValueError(
                "a network of mmaction2 needs clip_len, frame_interval, dense, format_shape, sizes"
            )
        if self.source == "timm" and self.features_only is None:
            raise ValueError("a network of timm needs features_only")
        if self.layers and (self.skips or self.not_tapped):
            raise ValueError("explicit layers and skips exclude each other")
        return self


_LISTS = ("layers", "layers_paper", "skips", "skips_paper", "not_tapped")


def read_catalog(path: Path) -> dict[str, Network]:
    """Networks by name, in the file's order.

    Raises
    ------
    BrokenWarehouse : a row does not fit its columns, or a name occurs twice; names file and row.
    """
    networks: dict[str, Network] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            cells: dict[str, object] = {
                key: tuple(value.split()) if key in _LISTS else (value or None) for key, value in row.items()
            }
            shape = row.get("input_shape")
            cells["input_shape"] = tuple(shape.split("x")) if shape else None
            try:
                network = Network.model_validate(cells)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(map(str, first["loc"]))
                raise BrokenWarehouse(
                    f"{path.name}, network {row.get('name')!r}: {place} {first['msg']}"
                ) from error
            if network.name in networks:
                raise BrokenWarehouse(f"{path.name}: network {network.name!r} is listed twice")
            networks[network.name] = network
    return networks


@cache
def _catalog() -> dict[str, Network]:
    return read_catalog(CATALOG)


def catalog() -> dict[str, Network]:
    """Every known network by name, in the catalog's order (a new dict over shared, frozen records)."""
    return dict(_catalog())


def select(include: Sequence[str], exclude: Sequence[str] = ()) -> list[Network]:
    """Networks of the catalog named by `include` and not by `exclude`, in its order, each once.

    Parameters and errors are those of `select_names`.
    """
    known = _catalog()
    return [known[name] for name in select_names(include, exclude)]


def select_names(include: Sequence[str], exclude: Sequence[str] = (), own: Iterable[str] = ()) -> list[str]:
    """Names of networks, in the catalog's order, then those of the user's own, each once.

    Parameters
    ----------
    include, exclude : names, globs such as "TSN_*", "all" (the study's 99) or "default" (its 92).
    own : names of networks that a study declares; all are taken, unless excluded.

    Raises
    ------
    BadInput : a name that is not known (the nearest are listed), a glob that matches nothing, or a selection
        that leaves no network.
    """
    own = list(own)
    known = [*_catalog(), *own]
    chosen = (_names(include, known) | set(own)) - _names(exclude, known)
    if not chosen:
        raise BadInput("the selection of networks is empty", found=f"include {list(include)}")
    return [name for name in known if name in chosen]


def _names(patterns: Iterable[str], known: Sequence[str]) -> set[str]:
    of_catalog = _catalog().values()
    names: set[str] = set()
    for pattern in patterns:
        if pattern in known:
            names.add(pattern)
            continue
        if pattern == STUDY_99:
            matching = {network.name for network in of_catalog if network.in_study_99}
        elif pattern == PAPER_92:
            matching = {network.name for network in of_catalog if network.default}
        else:
            matching = {name for name in known if fnmatchcase(name, pattern)}
        if not matching:
            raise BadInput(f"unknown network {pattern!r}", hint=near_names(pattern, known))
        names |= matching
    return names
