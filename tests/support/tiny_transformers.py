"""Tiny models of transformers, saved in folders with their processors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision

SIDE = 32
TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": SIDE,
    "patch_size": 8,
}
TOKENS = 16 * (SIDE // 8) ** 2
BLOCKS = ["encoder.layer.0", "encoder.layer.1"]


def library() -> Any:
    load_torchvision()
    import transformers

    return transformers


def vision(kind: str, **more: Any) -> Any:
    return library().AutoConfig.for_model(kind, **{**TINY, **more})


def clip() -> Any:
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    text |= {"vocab_size": 64, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    return library().AutoConfig.for_model("clip", text_config=text, vision_config=TINY, projection_dim=8)


def vjepa2() -> Any:
    few = {
        "num_hidden_layers": 2,
        "pred_hidden_size": 16,
        "pred_num_hidden_layers": 1,
        "num_pooler_layers": 1,
    }
    few |= {"pred_num_attention_heads": 2, "crop_size": SIDE, "frames_per_clip": 4}
    return vision("vjepa2", **few)


# Name -> configuration, and the image or video processor of the type.
MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "vit": (lambda: vision("vit"), "ViTImageProcessor"),
    "registers": (lambda: vision("dinov2_with_registers", num_register_tokens=3), "BitImageProcessor"),
    "clip": (clip, "CLIPImageProcessor"),
    "mae": (lambda: vision("vit_mae", decoder_num_hidden_layers=1), "ViTImageProcessor"),
    "videomae": (lambda: vision("videomae", num_frames=4), "VideoMAEVideoProcessor"),
    "vjepa2": (vjepa2, "VJEPA2VideoProcessor"),
    "timesformer": (lambda: vision("timesformer", num_frames=4), "TimesformerVideoProcessor"),
}


def own(identifier: str | Path, **declared: Any) -> Network:
    given = {"source": "transformers", "id": str(identifier), **declared}
    return network_of("mine", OwnNetwork.model_validate(given))


def save(folder: Path, name: str, seed: int = 1) -> Path:
    """A model of that name, with random weights, and its processor."""
    make, processor = MODELS[name]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        library().AutoModel.from_config(make()).save_pretrained(folder)
    square = {"height": SIDE, "width": SIDE}
    getattr(library(), processor)(
        size={"shortest_edge": 40}, crop_size=square, do_center_crop=True
    ).save_pretrained(folder)
    return folder


def frames(count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, 48, 60, 3), dtype=np.uint8)
