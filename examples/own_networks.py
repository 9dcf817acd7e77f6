"""Functions for networks of your own: each returns (module, transform).

`own_networks.toml` names the functions. Before each call, torch's generator is seeded with `networks.seed`.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

SIZE, PATCH, WIDTH = 64, 16, 48
CLIP = 8


class Output(OrderedDict):
    """A mapping of named tensors, like the outputs of Hugging Face's transformers."""


class Block(nn.Module):
    """A layer that returns a tuple, like the layers of transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, num_heads=4, batch_first=True)
        self.mlp = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU())

    def forward(self, hidden_states: torch.Tensor) -> tuple[torch.Tensor]:
        attended = hidden_states + self.attention(hidden_states, hidden_states, hidden_states)[0]
        return (attended + self.mlp(attended),)


class Encoder(nn.Module):
    """Returns a mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Block() for _ in range(3))

    def forward(self, hidden_states: torch.Tensor) -> Output:
        for layer in self.layer:
            (hidden_states,) = layer(hidden_states)
        return Output(last_hidden_state=hidden_states, pooled=hidden_states.mean(dim=1))


class TinyVisionModel(nn.Module):
    """Called like a vision model of transformers: takes `pixel_values`, returns a mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.encoder = Encoder()
        self.classifier = nn.Linear(WIDTH, 10)

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor | None = None) -> Output:
        encoded = self.encoder(self.embeddings(pixel_values).flatten(2).transpose(1, 2))
        logits = self.classifier(encoded["pooled"])
        loss = None if labels is None else functional.cross_entropy(logits, labels)
        return Output(loss=loss, logits=logits)


def image_transform(image: Image.Image) -> torch.Tensor:
    """The network's input for one frame: (3, 64, 64) float32, from -1 to 1."""
    pixels = np.asarray(image.resize((SIZE, SIZE)), dtype=np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1) / 127.5 - 1


def hugging_face() -> tuple[nn.Module, object]:
    """A module like those of transformers. With that package: `AutoModel.from_pretrained("...")`."""
    return TinyVisionModel(), image_transform


class MotionEnergy(nn.Module):
    """Motion energy in several directions (after Adelson & Bergen, 1985); nothing is trained."""

    def __init__(self, directions: int) -> None:
        super().__init__()
        time, row, column = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in (5, 9, 9)), indexing="ij")
        window = torch.exp(-2 * (time**2 + row**2 + column**2))
        waves = []
        for angle in torch.arange(directions) * (2 * torch.pi / directions):
            phase = 4 * (column * torch.cos(angle) + row * torch.sin(angle) - time)
            waves += [torch.cos(phase) * window, torch.sin(phase) * window]
        self.even_and_odd = nn.Conv3d(1, len(waves), (5, 9, 9), stride=(1, 4, 4), bias=False)
        self.even_and_odd.weight.data = torch.stack([wave - wave.mean() for wave in waves])[:, None]
        self.energy = PairwiseEnergy()

    def forward(self, clip: torch.Tensor) -> torch.Tensor:
        return self.energy(self.even_and_odd(clip.mean(dim=1, keepdim=True)))


class PairwiseEnergy(nn.Module):
    """The energy of pairs of channels, averaged over time."""

    def forward(self, responses: torch.Tensor) -> torch.Tensor:
        return responses.square().unflatten(1, (-1, 2)).sum(dim=2).sqrt().mean(dim=2)


def clips(video: np.ndarray) -> torch.Tensor:
    """(T, H, W, 3) uint8 -> (clips, 3, 8, 64, 64). The last clip repeats the last frame to fill up."""
    filled = np.concatenate([video, video[-1:].repeat(-len(video) % CLIP, axis=0)])
    frames = torch.from_numpy(filled).permute(0, 3, 1, 2) / 255
    frames = functional.interpolate(frames, (SIZE, SIZE), mode="bilinear", antialias=True)
    return frames.unflatten(0, (-1, CLIP)).transpose(1, 2)


def motion_energy(directions: int) -> tuple[nn.Module, object]:
    """A hand-made model of videos. directions : an argument that the study file sets."""
    return MotionEnergy(directions), clips
