"""The encoder of images or videos inside a model of transformers: which part it is, and how it is called.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.models.declaration import Declaration
from alignhouse.ingest.models.sources.transformers_inputs import PIXELS
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    import torch

# What a model has beside the encoder of its images or videos. None of it is read.
NOT_THE_ENCODER = (
    "decoder",
    "head",
    "language_model",
    "mask_decoder",
    "pooler",
    "predictor",
    "prompt_encoder",
    "text_model",
)
# The names of encoders inside larger models, in the order in which they are tried.
_ENCODERS = ("vision_model", "video_model", "video_encoder", "vision_encoder", "vision_tower", "encoder")
_PARTS_WITH_FRAMES = ("video_config", "vision_config")
_FRAMES = ("num_frames", "frames_per_clip")
# From one frame of a clip to the next, as each model's paper samples Kinetics; others take every frame.
_INTERVALS = {"timesformer": 32, "videomae": 4, "vivit": 2}


def with_frames(config: Any) -> Any:
    """The part of a configuration that describes the encoder of images or videos."""
    if len(getattr(config, "sub_configs", {})) > 1:
        parts = [getattr(config, key, None) for key in _PARTS_WITH_FRAMES]
        return next((part for part in parts if part is not None), config)
    return config


def clips_of(name: str, declared: Declaration, config: Any) -> dict[str, Any]:
    """What the network takes, and how clips are sampled."""
    from transformers import MODEL_MAPPING

    part = with_frames(config)
    published = next((count for key in _FRAMES if (count := getattr(part, key, None))), None)
    model = MODEL_MAPPING.get(type(part), None)
    if part is config and (not isinstance(model, type) or not _takes_pixels(model)):
        raise _no_pixels(name, declared.id)
    is_video = published is not None or getattr(model, "main_input_name", "") == PIXELS[0]
    if not is_video:
        if given := [key for key in ("clip_len", "frame_interval") if getattr(declared, key) is not None]:
            raise BadInput(
                f"network {name}: {declared.id} takes images", expected=f"no {' and no '.join(given)}"
            )
        return {"takes": "frames"}
    clip_len = declared.clip_len or published
    if clip_len is None:
        raise BadInput(
            f"network {name}: {declared.id} does not say how many frames a clip has",
            expected=f"clip_len in [networks.own.{name}]",
            found="none",
        )
    interval = declared.frame_interval or _INTERVALS.get(part.model_type, 1)
    return {"takes": "video", "clip_len": clip_len, "frame_interval": interval}


def encoder_of(network: str, identifier: str, model: torch.nn.Module) -> tuple[str, torch.nn.Module]:
    """The encoder of a model and its name in the model; "" where it is the whole model.

    Raises
    ------
    BadInput : nothing in it takes the pixels of images or videos.
    """
    children = dict(model.named_children())
    is_larger = any(name in children for name in NOT_THE_ENCODER if name not in ("pooler", "head"))
    if is_larger or not _takes_pixels(type(model)):
        for name in _ENCODERS:
            if name in children and _takes_pixels(type(children[name])):
                return name, children[name]
    if not _takes_pixels(type(model)):
        raise _no_pixels(network, identifier)
    return "", model


def _no_pixels(network: str, identifier: str) -> BadInput:
    return BadInput(
        f"network {network}: {identifier}",
        expected=f"a model of images or videos, which takes {' or '.join(PIXELS)}",
        found="a model of something else",
    )


def _takes_pixels(model: type[torch.nn.Module]) -> bool:
    return pixels_of(model) != ""


def pixels_of(model: type[torch.nn.Module]) -> str:
    """The argument of a model that takes pixels; "" where it has none."""
    parameters = inspect.signature(model.forward).parameters
    return next((key for key in PIXELS if key in parameters), "")


def patches_in_order(module: torch.nn.Module, call: torch.Tensor) -> dict[str, torch.Tensor]:
    """ViTMAE sorts the patches by random noise, also where it masks none; this noise keeps their order."""
    import torch

    config: Any = getattr(module, "config", None)
    if getattr(config, "model_type", None) != "vit_mae":
        return {}
    patches = (config.image_size // config.patch_size) ** 2
    noise = torch.arange(patches, dtype=torch.float32, device=call.device)
    return {"noise": noise.expand(len(call), -1)}
