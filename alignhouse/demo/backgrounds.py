"""Backgrounds of the demo clips: two colours, mixed by a pattern that moves with the camera."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from alignhouse.demo.shapes import Array, Rng, between, cloud, colour_of, sampled, tone

BackgroundPainter = Callable[[float], Array]
Shade = Callable[[Array, Array], Array]

TEXTURE_SIDE = 512
"""Side in pixels of the periodic noise images that patterns are cut from."""


def background(kind: str, rng: Rng, side: int, pan: tuple[float, float]) -> BackgroundPainter:
    """A (side, side, 3) float32 RGB background of a kind in BACKGROUNDS; moves by `pan` pixels per second."""
    dark = tone(rng, (0.15, 0.7), (0.1, 0.45))
    light = colour_of(rng.random(), rng.uniform(0.1, 0.6), rng.uniform(0.5, 0.95))
    shade = BACKGROUNDS[kind](rng, side)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)

    def paint(time: float) -> Array:
        return between(dark, light, np.clip(shade(x + pan[0] * time, y + pan[1] * time), 0, 1))

    return paint


def _plain(rng: Rng, side: int) -> Shade:
    angle, start = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.5)
    return lambda x, y: start + 0.4 * (np.cos(angle) * (x / side - 0.5) + np.sin(angle) * (y / side - 0.5))


def _noise(rng: Rng, slope: float, contrast: float) -> Shade:
    image = cloud(rng, TEXTURE_SIDE, slope)
    return lambda x, y: 0.5 + contrast * sampled(image, x, y)


def _landscape(rng: Rng, side: int) -> Shade:
    clouds, soil = cloud(rng, TEXTURE_SIDE, 1.6), cloud(rng, TEXTURE_SIDE, 0.7)
    horizon, ridge = rng.uniform(0.45, 0.75) * side, rng.uniform(5, 25)

    def shade(x: Array, y: Array) -> Array:
        line = horizon + ridge * sampled(clouds, 0.6 * x, np.full_like(x, 40.0))
        sky = 0.85 + 0.12 * sampled(clouds, x, y) - 0.3 * np.maximum(0, line - y) / side
        ground = 0.3 + 0.1 * sampled(soil, x, 2 * y)
        return sky + np.clip((y - line) / 3, 0, 1) * (ground - sky)

    return shade


def _tiles(rng: Rng, side: int) -> Shade:
    size, angle = rng.uniform(24, 60), rng.uniform(0, np.pi / 2)
    wear = cloud(rng, TEXTURE_SIDE, 1.0)

    def shade(x: Array, y: Array) -> Array:
        u = (np.cos(angle) * x + np.sin(angle) * y) / size
        v = (np.cos(angle) * y - np.sin(angle) * x) / size
        edge = np.minimum(np.abs(u - np.round(u)), np.abs(v - np.round(v))) * size
        tile = 0.5 + 0.15 * np.sin(12.9 * np.floor(u + 0.5) + 78.2 * np.floor(v + 0.5))
        return np.clip(edge / 2, 0.25, 1) * tile + 0.06 * sampled(wear, x, y)

    return shade


def _stripes(rng: Rng, side: int) -> Shade:
    period, angle = rng.uniform(20, 70), rng.uniform(0, np.pi)
    folds = cloud(rng, TEXTURE_SIDE, 1.8)

    def shade(x: Array, y: Array) -> Array:
        along = np.cos(angle) * x + np.sin(angle) * y + 6 * sampled(folds, x, y)
        return 0.5 + 0.35 * np.tanh(3 * np.sin(2 * np.pi * along / period))

    return shade


BACKGROUNDS: dict[str, Callable[[Rng, int], Shade]] = {
    "plain": _plain,
    "clouds": lambda rng, side: _noise(rng, 1.7, 0.22),
    "gravel": lambda rng, side: _noise(rng, 0.8, 0.2),
    "landscape": _landscape,
    "tiles": _tiles,
    "stripes": _stripes,
}
