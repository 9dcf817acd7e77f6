"""Shapes with soft edges, painted on a frame in the coordinates of a moving, rotated, scaled object."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Rng = np.random.Generator
Colour = tuple[float, float, float]
Paint = Colour | Callable[[Array, Array], Array]
Distance = Callable[[Array, Array], Array]


@dataclass
class Pen:
    """A pen in an object's own coordinates: a unit is `scale` pixels, the origin is (x, y), v points down.

    frame : (height, width, 3) float32 RGB in [0, 1], painted in place. `angle` is in
    radians; `mirror` is 1 or -1.
    """

    frame: Array
    x: float
    y: float
    scale: float
    angle: float = 0.0
    mirror: int = 1

    def at(self, u: float, v: float, *, scale: float = 1.0, angle: float = 0.0) -> Pen:
        """A pen of the same frame with its origin at (u, v) of this one, rotated and scaled further."""
        x, y = self._pixel(u, v)
        return Pen(self.frame, x, y, self.scale * scale, self.angle + self.mirror * angle, self.mirror)

    def ellipse(self, u: float, v: float, ru: float, rv: float, paint: Paint, shade: float = 0.25) -> None:
        """Fill an ellipse with half-axes (ru, rv); `shade` lightens its top and darkens its bottom."""

        def distance(a: Array, b: Array) -> Array:
            return (np.hypot(a / ru, b / rv) - 1) * min(ru, rv)

        self.fill(u, v, max(ru, rv), distance, paint, shade / rv)

    def box(
        self,
        u: float,
        v: float,
        hu: float,
        hv: float,
        paint: Paint,
        round_by: float = 0.0,
        shade: float = 0.15,
    ) -> None:
        """Fill a rectangle with half-sides (hu, hv) and corners rounded with radius `round_by`."""

        def distance(a: Array, b: Array) -> Array:
            du, dv = np.abs(a) - hu + round_by, np.abs(b) - hv + round_by
            outside = np.hypot(np.maximum(du, 0), np.maximum(dv, 0))
            return outside + np.minimum(np.maximum(du, dv), 0) - round_by

        self.fill(u, v, float(np.hypot(hu, hv)), distance, paint, shade / hv)

    def limb(
        self, start: tuple[float, float], end: tuple[float, float], wide: float, narrow: float, paint: Paint
    ) -> None:
        """Fill a line from start to end whose half-width falls from `wide` to `narrow`, with round ends."""
        along = np.subtract(end, start)
        length = max(float(np.hypot(*along)), 1e-6)
        middle = np.add(start, end) / 2

        def distance(a: Array, b: Array) -> Array:
            share = np.clip((a * along[0] + b * along[1]) / length**2 + 0.5, 0, 1)
            off = np.hypot(a - (share - 0.5) * along[0], b - (share - 0.5) * along[1])
            return off - (wide + (narrow - wide) * share)

        self.fill(float(middle[0]), float(middle[1]), length / 2 + max(wide, narrow), distance, paint, 0.0)

    def fill(self, u: float, v: float, reach: float, distance: Distance, paint: Paint, shade: float) -> None:
        """Fill where `distance` (object units) is negative, within `reach` of (u, v)."""
        x, y = self._pixel(u, v)
        height, width = self.frame.shape[:2]
        pixels = reach * self.scale + 2
        left, right = max(0, int(x - pixels)), min(width, int(x + pixels) + 1)
        top, bottom = max(0, int(y - pixels)), min(height, int(y + pixels) + 1)
        if left >= right or top >= bottom:
            return
        dx = (np.arange(left, right, dtype=np.float32) - np.float32(x))[None, :]
        dy = (np.arange(top, bottom, dtype=np.float32) - np.float32(y))[:, None]
        cos, sin = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        a = self.mirror * (cos * dx + sin * dy) / np.float32(self.scale)
        b = (cos * dy - sin * dx) / np.float32(self.scale)
        cover = np.clip(0.5 - distance(a, b) * self.scale, 0, 1)[..., None]
        colour = paint(a, b) if callable(paint) else np.asarray(paint, dtype=np.float32)
        lit = colour * (1 - shade * b[..., None])
        under = self.frame[top:bottom, left:right]
        under += (cover * (lit - under)).astype(np.float32)

    def _pixel(self, u: float, v: float) -> tuple[float, float]:
        u = u * self.mirror
        cos, sin = float(np.cos(self.angle)), float(np.sin(self.angle))
        return self.x + self.scale * (cos * u - sin * v), self.y + self.scale * (sin * u + cos * v)


def colour_of(hue: float, saturation: float, value: float) -> Colour:
    """RGB in [0, 1] for a hue (in turns), saturation and value (both in [0, 1])."""
    return colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0), 1), min(max(value, 0), 1))


def tone(
    rng: Rng, saturation: tuple[float, float] = (0.2, 0.8), value: tuple[float, float] = (0.3, 0.9)
) -> Colour:
    """A colour of any hue, its saturation and value within these ranges."""
    return colour_of(rng.random(), rng.uniform(*saturation), rng.uniform(*value))


def darker(colour: Colour, share: float) -> Colour:
    """The colour with this share of its brightness."""
    return share * colour[0], share * colour[1], share * colour[2]


def between(dark: Colour, light: Colour, share: Array) -> Array:
    """Colours (..., 3) float32, interpolated by a share (...) from dark to light."""
    mixed = np.asarray(dark, np.float32) + share[..., None] * np.subtract(light, dark).astype(np.float32)
    return np.asarray(mixed, dtype=np.float32)


def cloud(rng: Rng, side: int, slope: float) -> Array:
    """A (side, side) float32 periodic noise image whose amplitude falls as frequency to -slope; mean 0, sd 1.

    Natural images have a slope near 1 (Field 1987); 2 looks like clouds, 0.5 like gravel.
    """
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    radius[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.standard_normal((side, side))) / radius**slope
    spectrum[0, 0] = 0.0
    image = np.fft.irfft2(spectrum, s=(side, side))
    return (image / image.std()).astype(np.float32)


def sampled(image: Array, x: Array, y: Array) -> Array:
    """The periodic `image` at pixel positions (x, y), bilinearly, in the shape of x broadcast with y."""
    rows, columns = image.shape[:2]
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - left).astype(np.float32), (y - top).astype(np.float32)
    left, right, top, bottom = left % columns, (left + 1) % columns, top % rows, (top + 1) % rows
    above = image[top, left] * (1 - fx) + image[top, right] * fx
    below = image[bottom, left] * (1 - fx) + image[bottom, right] * fx
    return np.asarray(above * (1 - fy) + below * fy, dtype=np.float32)
