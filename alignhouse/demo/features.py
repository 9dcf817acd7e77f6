"""The features that the demo's simulated brains respond to, measured on the decoded frames of each clip.

Low-level content keeps its position in the image (a coarse grid). Mid-level content is pooled over the image.
Motion is the energy that moves along each orientation. Category content comes from the plan of the clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from alignhouse.demo.clips import Category, Clip, Frames

Array = np.ndarray[Any, np.dtype[Any]]

GRID = 6
"""Cells along each side of the grid for low-level content."""

WAVELENGTHS = (5.0, 11.0, 24.0)
"""Wavelengths of the oriented filters, in pixels of the half-size frame."""

ORIENTATIONS = 4
PAD = 14
CROP = 132
"""Side of the half-size frame, cropped so that the grid divides it (134 minus one pixel at each edge)."""

FAMILIES = ("low", "mid", "motion", "category")


@dataclass(frozen=True)
class Content:
    """The measurements of one clip.

    energy : (GRID, GRID, filters), light : (GRID, GRID, 3) luminance and two opponent colours,
    flicker : (GRID, GRID, filters), texture : (statistics,), travel : (GRID // 2, GRID // 2, filters) signed.
    """

    energy: Array
    light: Array
    flicker: Array
    texture: Array
    travel: Array


@dataclass(frozen=True)
class FeatureSpaces:
    """The clips' content as standardised features, one row per clip; blocks weigh the same at any width.

    low : (n_clips, GRID, GRID, n_low), the others (n_clips, n_features).
    """

    low: Array
    mid: Array
    motion: Array
    category: Array

    def family(self, name: str) -> Array:
        """The (n_clips, n_features) matrix of a family in FAMILIES."""
        features: Array = getattr(self, name)
        return features.reshape(len(features), -1)


def measure(frames: Frames, frame_rate: float) -> Content:
    """The content of a clip: frames (n, side, side, 3) uint8 RGB, n at least 2, side at least 268."""
    half = _half_size(frames)
    red, green, blue = np.moveaxis(half, -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    light = np.stack([luma, red - green, blue - (red + green) / 2], axis=-1).mean(axis=0)
    responses = _responses(luma)
    energy = np.abs(responses)
    mean_energy = energy.mean(axis=1)
    before, after = responses[:, :-1], responses[:, 1:]
    # The phase of a moving pattern advances; the sign gives the direction along the filter's orientation.
    advance = (before * after.conj()).imag.mean(axis=1) * frame_rate
    change = np.abs(after - before).mean(axis=1) * frame_rate
    return Content(
        energy=np.sqrt(_pooled(mean_energy, GRID)),
        light=_pooled(np.moveaxis(_cropped(light, axes=(0, 1)), -1, 0), GRID),
        flicker=np.sqrt(_pooled(change, GRID)),
        texture=_texture_statistics(mean_energy, half),
        travel=_signed_root(_pooled(advance, GRID // 2)),
    )


def feature_spaces(
    contents: Sequence[Content], clips: Sequence[Clip], categories: Sequence[Category]
) -> FeatureSpaces:
    """Features of all clips (`contents` in the order of `clips`); each block is centred with variance one."""

    def block(*parts: Array, weights: Sequence[float] | None = None) -> Array:
        weights = [1.0] * len(parts) if weights is None else weights
        return np.concatenate([w * _balanced(part) for w, part in zip(weights, parts, strict=True)], axis=-1)

    def stacked(name: str) -> Array:
        return np.stack([getattr(content, name) for content in contents])

    travel = stacked("travel")
    whole_frame_flicker = np.log1p(stacked("flicker").mean(axis=(1, 2)))
    kinds, traits = _category_features(clips, categories)
    return FeatureSpaces(
        low=block(stacked("energy"), stacked("light"), stacked("flicker"), weights=[1.0, 0.6, 0.3]),
        mid=block(stacked("texture"), np.log(stacked("energy").mean(axis=(1, 2)))),
        motion=block(travel.mean(axis=(1, 2)), travel.reshape(len(clips), -1), whole_frame_flicker),
        category=block(kinds, traits, weights=[1.0, 0.35]),
    )


def _category_features(clips: Sequence[Clip], categories: Sequence[Category]) -> tuple[Array, Array]:
    known = {category.name: category for category in categories}
    one_hot = np.array([[float(clip.category == name) for name in known] for clip in clips])
    properties = np.array([known[clip.category].properties for clip in clips])
    # Size, speed and direction of the object count here; its position does not.
    direction = np.deg2rad([clip.direction for clip in clips])
    speed = np.log([clip.speed for clip in clips])
    size = np.array([clip.size for clip in clips])
    traits = np.stack([size, speed, np.cos(direction), np.sin(direction)], axis=1)
    return np.concatenate([one_hot, 0.5 * properties], axis=1), traits


def _half_size(frames: Frames) -> Array:
    even = frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2].astype(np.float32)
    # Sums of four bytes are exact in float32; four slices are added faster than blocks are averaged.
    total = even[:, ::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, ::2] + even[:, 1::2, 1::2]
    return np.asarray(total / np.float32(4) / np.float32(255))


def _responses(luma: Array) -> Array:
    """Quadrature pairs as complex numbers, (filters, frames, CROP, CROP), for luma (frames, side, side)."""
    padded = np.pad(luma, ((0, 0), (PAD, PAD), (PAD, PAD)), mode="reflect")
    bank = _filter_bank(padded.shape[1], padded.shape[2])
    spectra = np.fft.fft2(padded)
    side = luma.shape[1]
    responses = [np.fft.ifft2(spectra * kernel)[:, PAD : PAD + side, PAD : PAD + side] for kernel in bank]
    return _cropped(np.stack(responses), axes=(2, 3))


@cache
def _filter_bank(height: int, width: int) -> Array:
    """Log-Gabor transfer functions (Field 1987), (filters, height, width), each in one half-plane."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    radius, angle = np.hypot(down, across), np.arctan2(down, across)
    radius[0, 0] = 1.0
    bank = []
    for wavelength in WAVELENGTHS:
        radial = np.exp(-(np.log(radius * wavelength) ** 2) / (2 * np.log(0.65) ** 2))
        radial[0, 0] = 0.0
        for step in range(ORIENTATIONS):
            away = np.angle(np.exp(1j * (angle - np.pi * step / ORIENTATIONS)))
            bank.append(radial * np.exp(-(away**2) / (2 * (np.pi / 6) ** 2)))
    return np.stack(bank).astype(np.float32)


def _cropped(image: Array, axes: tuple[int, int]) -> Array:
    for axis in axes:
        start = (image.shape[axis] - CROP) // 2
        image = image[(slice(None),) * axis + (slice(start, start + CROP),)]
    return image


def _pooled(maps: Array, grid: int) -> Array:
    """Means of (k, CROP, CROP) maps over the cells of a grid: (grid, grid, k)."""
    cell = CROP // grid
    return np.moveaxis(maps.reshape(-1, grid, cell, grid, cell).mean(axis=(2, 4)), 0, -1)


def _texture_statistics(energy: Array, frames: Array) -> Array:
    """Position-free spread and correlations of energies (Portilla & Simoncelli 2000), and of colours."""
    flat = energy.reshape(len(energy), -1)
    correlations = np.asarray(np.corrcoef(flat))[np.triu_indices(len(flat), 1)]
    spread = flat.std(axis=1) / flat.mean(axis=1)
    pixels = frames.reshape(-1, 3)
    centred = pixels - pixels.mean(axis=0)
    skew = (centred**3).mean(axis=0) / centred.std(axis=0) ** 3
    return np.concatenate([correlations, spread, pixels.mean(axis=0), centred.std(axis=0), skew])


def _signed_root(values: Array) -> Array:
    return np.sign(values) * np.sqrt(np.abs(values))


def _balanced(features: Array) -> Array:
    """Features (n_clips, ...), centred and scaled so that their variances sum to one.

    A feature that does not vary over these clips is zero.
    """
    centred = features - features.mean(axis=0)
    deviation = centred.std(axis=0)
    varies = deviation > 1e-9
    scaled = np.where(varies, centred / np.where(varies, deviation, 1.0), 0.0)
    return scaled / np.sqrt(max(int(varies.sum()), 1))
