"""What frames show, without any network: luminance, colour, gradients, and the energy of oriented filters."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Frames = NDArray[np.uint8]

GRID = 16
TIMES = 16
# Frames whose gradients and filters are computed: enough for clips of seconds.
FRAMES_SAMPLED = 12
# Frames are squashed to this side for gradients and filters.
SIDE = 64
CELL, CELLS_A_BLOCK, ORIENTATIONS = 8, 2, 9
GIST_GRID, GIST_SCALES, GIST_ORIENTATIONS, GIST_PAD = 4, 4, 8, 16
# ITU-R BT.601.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def squashed(frames: Frames, side: int) -> NDArray[np.float32]:
    """Frames (T, H, W, 3) at `side` x `side` pixels by averaging areas: (T, side, side, 3), values 0 to 1."""
    from PIL import Image

    small = [np.asarray(Image.fromarray(each).resize((side, side), Image.Resampling.BOX)) for each in frames]
    return np.stack(small).astype(np.float32) / np.float32(255)


def luminance(pictures: Array) -> Array:
    """Luminance of RGB (..., 3): (...)."""
    return pictures @ LUMA


def opponents(pictures: Array) -> Array:
    """Red minus green, and blue minus the mean of both, of RGB (..., 3): (..., 2)."""
    red, green, blue = np.moveaxis(pictures, -1, 0)
    return np.stack([red - green, blue - (red + green) / 2], axis=-1)


def over_time(values: Array) -> Array:
    """Values of frames (T, k) at `TIMES` evenly spaced times, linear between frames: (TIMES * k,)."""
    places = np.linspace(0, len(values) - 1, TIMES)
    before = np.floor(places).astype(int)
    after = np.minimum(before + 1, len(values) - 1)
    share = (places - before)[:, None]
    found: Array = (values[before] * (1 - share) + values[after] * share).ravel()
    return found


def sampled_frames(frames: Frames) -> Frames:
    """At most `FRAMES_SAMPLED` frames, evenly spaced, the first and the last among them."""
    count = min(FRAMES_SAMPLED, len(frames))
    return frames[np.linspace(0, len(frames) - 1, count).round().astype(int)]


def gradient_histograms(picture: Array) -> Array:
    """Histograms of oriented gradients of a picture (H, W), sides multiples of `CELL` (Dalal & Triggs 2005).

    Gradients are central differences, 0 at the edges. Each cell of 8 x 8 pixels has the mean magnitude of its
    gradients in 9 bins of unsigned orientation; blocks of 2 x 2 cells overlap, each scaled to length 1.
    Returns (blocks down, blocks across, 2, 2, 9), flattened.
    """
    down, across = np.zeros_like(picture), np.zeros_like(picture)
    down[1:-1] = picture[2:] - picture[:-2]
    across[:, 1:-1] = picture[:, 2:] - picture[:, :-2]
    angle = np.rad2deg(np.arctan2(down, across)) % 180
    # Rounding can give 180 itself, which is 0.
    bins = (angle // (180 / ORIENTATIONS)).astype(int) % ORIENTATIONS
    height, width = (size // CELL for size in picture.shape)
    magnitude = np.hypot(down, across) * (bins == np.arange(ORIENTATIONS)[:, None, None])
    cells = magnitude.reshape(ORIENTATIONS, height, CELL, width, CELL).mean(axis=(2, 4))
    blocks = np.stack(
        [
            cells[:, y : height - CELLS_A_BLOCK + 1 + y, x : width - CELLS_A_BLOCK + 1 + x]
            for y in range(CELLS_A_BLOCK)
            for x in range(CELLS_A_BLOCK)
        ]
    )
    blocks = np.moveaxis(blocks, (0, 1), (2, 3))
    lengths = np.sqrt(np.square(blocks).sum(axis=(2, 3), keepdims=True) + 1e-10)
    return (blocks / lengths).ravel()


def oriented_energies(picture: Array) -> Array:
    """Mean magnitude of oriented filters in a 4 x 4 grid of a picture (H, W), as in the gist descriptor.

    Log-Gabor filters (Field 1987) of 4 scales, an octave apart, and 8 orientations, after Oliva & Torralba
    (2001), but without their normalisation of contrast. Returns (4 * 8 * 4 * 4,).
    """
    from scipy.fft import fft2, ifft2

    side = picture.shape[0]
    padded = np.pad(picture, GIST_PAD, mode="reflect")
    # In single precision, twice as fast as numpy's transforms.
    responses = ifft2(fft2(padded.astype(np.float32)) * _oriented_filters(len(padded)))
    inner = slice(GIST_PAD, GIST_PAD + side)
    energy = np.abs(responses[:, inner, inner])
    cell = side // GIST_GRID
    return energy.reshape(-1, GIST_GRID, cell, GIST_GRID, cell).mean(axis=(2, 4)).ravel()


@cache
def _oriented_filters(side: int) -> Array:
    """Transfer functions (scales * orientations, side, side); each passes one half-plane of frequencies."""
    down, across = np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :]
    radius, angle = np.hypot(down, across), np.arctan2(down, across)
    radius[0, 0] = 1
    filters = []
    for scale in range(GIST_SCALES):
        centre = 0.25 / 2**scale
        radial = np.exp(-(np.log(radius / centre) ** 2) / (2 * np.log(0.65) ** 2))
        radial[0, 0] = 0
        for step in range(GIST_ORIENTATIONS):
            away = np.angle(np.exp(1j * (angle - np.pi * step / GIST_ORIENTATIONS)))
            filters.append(radial * np.exp(-(away**2) / (2 * (np.pi / 12) ** 2)))
    return np.stack(filters).astype(np.float32)
