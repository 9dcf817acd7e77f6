"""What a study file declares about a network of its own: the fields, before any source has checked them.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from alignhouse.ingest.models.network import CLIP_FIELDS, PoolingKind

UNKNOWN = "unknown"
RANDOM = "random"
CHECKPOINT_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".safetensors", ".tar")
# Keys that only some sources read: `Source.keys` says which.
KEYS_OF_SOURCES = (
    *CLIP_FIELDS,
    "features_only",
    "transform",
    "config",
    "processor",
    "takes",
    "arguments",
    "untrained",
)
PLAIN = "text, finite numbers, true, false, lists and tables"


def fits_job_key(value: Any) -> bool:
    """Whether JSON, and so a job key, can hold the value."""
    if isinstance(value, Mapping):
        return all(fits_job_key(each) for each in value.values())
    if isinstance(value, (list, tuple)):
        return all(fits_job_key(each) for each in value)
    return isinstance(value, (str, int)) or (isinstance(value, float) and math.isfinite(value))


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_as_list)]


class Declaration(BaseModel):
    """The keys of `[networks.own.NAME]`; `own.OwnNetwork` adds the checks of the network's source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    id: str = Field(
        min_length=1,
        description="builder of torchvision; identifier of timm; name of the hub, folder, or config:<model "
        "type> of transformers; model/tag of open_clip; configuration of mmaction2, a file or one of its "
        "wheel; package.module:function, which returns (module, transform)",
    )
    weights: str | None = Field(
        None,
        description="name of the hub's weights, a checkpoint file, or random; default: the hub's own choice, "
        "what the function returns",
    )
    sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        description="expected sha256 of the checkpoint file, 64 hexadecimal digits",
    )
    folder: Path = Field(
        Path("."), description="folder to search for its files and modules; default: the study file's folder"
    )
    layers: Names = Field(
        [],
        description="names of modules, or globs (* within a part of a name, ** across dots); default: the "
        "automatic rule",
    )
    pooling: PoolingKind | None = Field(
        None,
        description="of a layer's output: none, mean or max over tokens or space, or cls, the class token; "
        "default: that of [networks]",
    )
    time: Literal["none", "mean"] | None = Field(
        None, description="networks of clips: mean over the time of a clip; default: that of [networks]"
    )
    takes: Literal["frames", "video"] | None = Field(
        None,
        description="function: the transform takes a frame (PIL image -> (3, H, W); the default) or a video "
        "((T, H, W, 3) uint8 -> (clips, ...))",
    )
    arguments: dict[str, Any] | None = Field(
        None, description="function: its arguments by name, e.g. { width = 2 }; one function, many networks"
    )
    untrained: dict[str, Any] | None = Field(
        None,
        description="function: arguments for the untrained network, such as { trained = false }; random then "
        "may name it",
    )
    features_only: bool | None = Field(None, description="timm: build only the part that makes feature maps")
    transform: str | None = Field(
        None,
        description="torchvision: weights, transformers: a model, whose transform to use; default: its own",
    )
    config: dict[str, Any] | None = Field(
        None,
        description="transformers: keys of config.json, e.g. { hidden_size = 192 }; untrained, they replace "
        "those of the model, else they must equal them; with model_type, untrained needs no download",
    )
    processor: dict[str, Any] | None = Field(
        None,
        description="transformers: settings of the transform; with trained weights, the published",
    )
    clip_len: int | None = Field(
        None,
        gt=0,
        description="networks of videos: frames of a clip; default of this and the next keys: the published",
    )
    frame_interval: int | None = Field(
        None, gt=0, description="networks of videos: from one frame of a clip to the next; 1: every frame"
    )
    dense: bool | None = Field(None, description="mmaction2: dense sampling instead of uniform sampling")
    format_shape: Literal["NCHW", "NCTHW"] | None = Field(None, description="mmaction2: format of its input")
    resize: int | None = Field(None, gt=0, description="mmaction2: pixels of the short edge before the crop")
    crop: int | None = Field(None, gt=0, description="mmaction2: pixels of the square in the middle")
    frame_multiple: int | None = Field(
        None, gt=0, description="mmaction2: frames of a call must be a multiple of this; 1: any number"
    )
    frames_per_call: int | None = Field(
        None, gt=0, description="mmaction2, NCHW: most frames in a call; default: all in one call"
    )
    model_type: str = Field(UNKNOWN, description="for tables and figures: input and training task")
    arch_type: str = Field(UNKNOWN, description="for tables and figures: CNNs, Transformers, or another")
    family: str = Field(UNKNOWN, description="for tables and figures")
    training_dataset: str = Field(UNKNOWN, description="for tables and figures")
    objective: str = Field(
        UNKNOWN,
        description="for tables and figures: of the last training, such as supervised or masked",
    )
    parameters: int | None = Field(None, gt=0, description="for tables: number of parameters")
    gflops: float | None = Field(None, gt=0, description="for tables: 1e9 multiply-adds of one call")
    top1: float | None = Field(None, gt=0, le=100, description="for tables: accuracy in per cent")
    resolution: int | None = Field(
        None, gt=0, description="for tables: pixels of a side of the network's square input"
    )
    licence: str | None = Field(None, description="for tables: licence of the weights")

    @property
    def origin(self) -> Literal["source", "checkpoint", "random"]:
        """Where the weights come from: the source itself (a hub, a function), a file, or chance."""
        if self.weights == RANDOM:
            return "random"
        return "checkpoint" if self.has_checkpoint else "source"

    @property
    def has_checkpoint(self) -> bool:
        """Whether `weights` names a file."""
        return self.weights is not None and self.weights.endswith(CHECKPOINT_SUFFIXES)
