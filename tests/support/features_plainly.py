"""Reads features of a network with simple hooks, and defines videos by functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch


def sources(videos: list[np.ndarray]) -> list[Callable[[], np.ndarray]]:
    return [lambda video=video: video for video in videos]  # type: ignore[misc]


def outputs(module: torch.nn.Module, layers: list[str], run: Callable[[], Any]) -> dict[str, torch.Tensor]:
    """The outputs of the layers in one forward pass."""
    kept: dict[str, torch.Tensor] = {}
    hooks = [
        module.get_submodule(layer).register_forward_hook(
            lambda module, arguments, output, layer=layer: kept.update({layer: output.detach().clone()})
        )
        for layer in layers
    ]
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    return kept
