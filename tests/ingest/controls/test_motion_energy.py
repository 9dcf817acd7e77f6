"""Motion energy, against sums over space and time, against pymoten, and on moving gratings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alignhouse.ingest.controls.motion_energy import (
    FLOOR,
    SECONDS,
    TEMPORAL_DEVIATION,
    Gabor,
    filter_energies,
    filters,
    motion_energy,
)

Array = NDArray[Any]
RATE = 15.0


def grating(direction: float, spatial: float, temporal: float, frames: int = 20) -> Array:
    """A grating that moves in a direction, (frames, 32, 32)."""
    y, x = (np.mgrid[:32, :32] + 0.5) / 32
    angle = np.deg2rad(direction)
    time = np.arange(frames)[:, None, None] / RATE
    return np.cos(2 * np.pi * (spatial * (x * np.cos(angle) + y * np.sin(angle)) - temporal * time))


def test_energy_equals_a_sum_over_space_and_time() -> None:
    pictures = np.random.default_rng(1).random((16, 12, 10))
    bank = (Gabor(0.4, 0.6, 30, 3, 2), Gabor(0.5, 0.5, 120, 2, 0))
    found = filter_energies(pictures, RATE, bank)
    half = round(SECONDS * RATE / 2)
    for index, each in enumerate(bank):
        centre = 8
        y, x = (np.arange(12) + 0.5)[:, None] / 12 - each.down, (np.arange(10) + 0.5) / 10 - each.across
        time = np.arange(-half, half + 1)[:, None, None] / RATE
        angle = np.deg2rad(each.direction)
        space = np.exp(-(x**2 + y**2) / 2 / each.deviation**2)
        span = np.exp(-(time**2) / 2 / (TEMPORAL_DEVIATION * SECONDS) ** 2)
        weight = space / space.sum() * span / span.sum()
        phase = each.spatial * (x * np.cos(angle) + y * np.sin(angle)) - each.temporal * time
        shown = pictures[centre - half : centre + half + 1]
        even = (shown * weight * np.cos(2 * np.pi * phase)).sum()
        odd = (shown * weight * np.sin(2 * np.pi * phase)).sum()
        assert found[centre, index] == pytest.approx(np.hypot(even, odd), rel=1e-5)


@pytest.mark.parametrize("direction", [0, 90, 225])
def test_a_moving_grating_drives_the_filter_of_its_direction(direction: float) -> None:
    bank = tuple(Gabor(0.5, 0.5, each, 4, 4) for each in range(0, 360, 45))
    energies = filter_energies(grating(direction, 4, 4), RATE, bank)[10]
    assert bank[int(energies.argmax())].direction == direction
    opposite = energies[[each.direction for each in bank].index((direction + 180) % 360)]
    assert opposite < 0.2 * energies.max()


def test_a_still_picture_drives_filters_without_motion() -> None:
    bank = (Gabor(0.5, 0.5, 0, 4, 0), Gabor(0.5, 0.5, 0, 4, 4))
    still, moving = filter_energies(grating(0, 4, 0), RATE, bank)[10]
    assert moving < 0.2 * still


def test_the_pyramid_covers_the_picture_at_each_frequency() -> None:
    bank = filters()
    assert len(set(bank)) == len(bank)
    for spatial, places in ((2, 1), (4, 1), (8, 3), (16, 7)):
        of_frequency = [each for each in bank if each.spatial == spatial]
        assert len({(each.down, each.across) for each in of_frequency}) == places**2
        # Four orientations without motion, eight directions at each of two speeds.
        assert len(of_frequency) == 20 * places**2


def test_features_are_means_of_log_energy() -> None:
    pictures = grating(0, 4, 4)
    expected = np.log(filter_energies(pictures, RATE, filters()) + FLOOR).mean(axis=0)
    assert np.array_equal(motion_energy(pictures, RATE), expected)
    assert np.isfinite(motion_energy(np.zeros((1, 32, 32)), RATE)).all()


def test_energies_agree_with_pymoten() -> None:
    core = pytest.importorskip("moten.core")
    noise = np.random.default_rng(0).random((30, 32, 32))
    pictures = grating(0, 4, 4, 30) + grating(90, 4, 4, 30) / 2 + noise
    ours, theirs = [], []
    for direction in range(0, 360, 45):
        bank = (Gabor(0.5, 0.5, direction, 4, 4),)
        ours.append(filter_energies(pictures, RATE, bank)[8:-8, 0])
        # Their horizontal axis points to the left. Their filters have a half frame's shift, so phases and
        # border pixels differ, but hardly energies.
        parts = core.mk_3d_gabor(
            (32, 32),
            RATE,
            direction=(180 - direction) % 360,
            spatial_freq=4,
            temporal_freq=4,
            spatial_env=0.15,
            filter_temporal_width=11,
        )
        theirs.append(np.hypot(*core.dotdelay_frames(*parts, pictures.reshape(30, -1)))[8:-8])
    assert np.corrcoef(np.ravel(ours), np.ravel(theirs))[0, 1] > 0.99
