"""Motion energy: the responses of pairs of spatiotemporal Gabor filters (Adelson & Bergen 1985).

The filters cover a picture as in Nishimoto et al. (2011, Curr Biol 21, 1641): more of them, with smaller
envelopes, at higher spatial frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SIDE = 64
SPATIAL_FREQUENCIES = (2.0, 4.0, 8.0, 16.0)
TEMPORAL_FREQUENCIES = (0.0, 2.0, 4.0)
DIRECTIONS = tuple(range(0, 360, 45))
# The deviation of an envelope, in cycles and at most as a share of the picture; filters are this many
# deviations apart.
CYCLES_A_DEVIATION, LARGEST_DEVIATION, DEVIATIONS_APART = 0.6, 0.3, 3.5
# Length of a filter in seconds; its envelope's deviation is this share of it.
SECONDS, TEMPORAL_DEVIATION = 2 / 3, 0.3
# Energies are compressed by a logarithm; the constant keeps that of 0 finite.
FLOOR = 1e-5


@dataclass(frozen=True)
class Gabor:
    """A spatiotemporal Gabor filter.

    down, across : centre, as shares of the picture. direction : in degrees, 0 rightwards, 90 downwards.
    spatial : cycles per picture. temporal : cycles per second.
    """

    down: float
    across: float
    direction: float
    spatial: float
    temporal: float

    @property
    def deviation(self) -> float:
        """Of the Gaussian envelope, as a share of the picture."""
        return min(CYCLES_A_DEVIATION / self.spatial, LARGEST_DEVIATION)


@cache
def filters() -> tuple[Gabor, ...]:
    """All filters; those of opposite directions without motion are equal, so only one of them is there."""
    found = []
    for spatial in SPATIAL_FREQUENCIES:
        spacing = DEVIATIONS_APART * Gabor(0, 0, 0, spatial, 0).deviation
        count = max(1, int(1 / spacing))
        places = (np.arange(count) + 0.5) / count
        for temporal in TEMPORAL_FREQUENCIES:
            directions = DIRECTIONS if temporal else [each for each in DIRECTIONS if each < 180]
            found += [
                Gabor(float(down), float(across), direction, spatial, temporal)
                for down in places
                for across in places
                for direction in directions
            ]
    return tuple(found)


def motion_energy(pictures: Array, rate: float) -> Array:
    """Log energy of every filter, mean over time, of luminance (T, H, W) at `rate` frames a second: (F,).

    The energy at a time is the root of the sum of squares of a filter and of the same filter a quarter of a
    cycle later. Before the first frame and after the last one, those frames are repeated.
    """
    energies = filter_energies(pictures, rate, filters())
    found: Array = np.log(energies + FLOOR).mean(axis=0)
    return found


def filter_energies(pictures: Array, rate: float, bank: tuple[Gabor, ...]) -> Array:
    """Energy of each filter of a bank at each time, of luminance (T, H, W): (T, F)."""
    cosine, sine = _spatial_parts(bank, *pictures.shape[1:])
    flat = pictures.reshape(len(pictures), -1)
    in_space = flat @ cosine.T, flat @ sine.T
    energies = np.empty((len(pictures), len(bank)))
    temporal = np.array([each.temporal for each in bank])
    for frequency in np.unique(temporal):
        some = temporal == frequency
        kernels = _temporal_parts(float(frequency), rate)
        # (cos s + i sin s) times (cos t - i sin t): the phase of space minus that of time moves onwards.
        (cos_cos, cos_sin), (sin_cos, sin_sin) = (
            [_along_time(each[:, some], kernel) for kernel in kernels] for each in in_space
        )
        energies[:, some] = np.hypot(cos_cos + sin_sin, sin_cos - cos_sin)
    return energies


@cache
def _spatial_parts(bank: tuple[Gabor, ...], height: int, width: int) -> tuple[Array, Array]:
    """Even and odd spatial parts of the filters: (F, H * W) float32 each, scaled by the area of a pixel."""
    down = (np.arange(height) + 0.5)[:, None] / height
    across = (np.arange(width) + 0.5)[None, :] / width
    even, odd = np.empty((2, len(bank), height * width), np.float32)
    for index, each in enumerate(bank):
        y, x = down - each.down, across - each.across
        angle = np.deg2rad(each.direction)
        phase = 2 * np.pi * each.spatial * (x * np.cos(angle) + y * np.sin(angle))
        # Divided by its own sum, so that filters of all sizes respond alike to a grating of their frequency.
        envelope = np.exp(-(x**2 + y**2) / (2 * each.deviation**2))
        envelope = envelope / envelope.sum()
        even[index], odd[index] = (envelope * np.cos(phase)).ravel(), (envelope * np.sin(phase)).ravel()
    return even, odd


def _temporal_parts(frequency: float, rate: float) -> tuple[Array, Array]:
    """Even and odd temporal parts, an odd number of frames each."""
    half = max(1, round(SECONDS * rate / 2))
    time = np.arange(-half, half + 1) / rate
    envelope = np.exp(-(time**2) / (2 * (TEMPORAL_DEVIATION * SECONDS) ** 2))
    envelope = envelope / envelope.sum()
    phase = 2 * np.pi * frequency * time
    return envelope * np.cos(phase), envelope * np.sin(phase)


def _along_time(values: Array, kernel: Array) -> Array:
    """Correlate each column of (T, F) with a kernel; edges repeat."""
    half = len(kernel) // 2
    padded = np.pad(values, ((half, half), (0, 0)), mode="edge")
    found: Array = np.tensordot(
        np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=0), kernel, axes=(2, 0)
    )
    return found
