"""Luminance, colour, gradients and oriented filters of frames, against plain formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alignhouse.ingest.controls.pictures import (
    FRAMES_SAMPLED,
    TIMES,
    gradient_histograms,
    luminance,
    opponents,
    oriented_energies,
    over_time,
    sampled_frames,
    squashed,
)

Array = NDArray[Any]


@pytest.fixture
def picture() -> Array:
    return np.random.default_rng(3).random((64, 64))


def test_frames_are_squashed_by_averaging_areas() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (2, 32, 48, 3), dtype=np.uint8)
    expected = frames.reshape(2, 16, 2, 16, 3, 3).mean(axis=(2, 4)) / 255
    assert squashed(frames, 16) == pytest.approx(expected, abs=1.01 / 255)


def test_luminance_and_opponents_of_known_colours() -> None:
    colours = np.array([[1.0, 1, 1], [1, 0, 0], [0, 0, 1]])
    assert luminance(colours) == pytest.approx([1, 0.299, 0.114])
    assert opponents(colours).tolist() == [[0, 0], [1, -0.5], [0, 1]]


def test_values_over_time_are_interpolated() -> None:
    values = np.column_stack([np.arange(31.0), np.zeros(31)])
    found = over_time(values).reshape(TIMES, 2)
    assert found[:, 0] == pytest.approx(np.linspace(0, 30, TIMES))
    assert over_time(values[:1]).tolist() == [0] * 2 * TIMES


def test_sampled_frames_are_spread_from_first_to_last() -> None:
    frames = np.arange(90)
    assert sampled_frames(frames)[[0, -1]].tolist() == [0, 89]
    assert len(sampled_frames(frames)) == FRAMES_SAMPLED
    assert sampled_frames(frames[:5]).tolist() == [0, 1, 2, 3, 4]


def test_gradient_histograms_equal_a_loop_over_pixels(picture: Array) -> None:
    cells = np.zeros((8, 8, 9))
    for y in range(64):
        for x in range(64):
            down = picture[y + 1, x] - picture[y - 1, x] if 0 < y < 63 else 0.0
            across = picture[y, x + 1] - picture[y, x - 1] if 0 < x < 63 else 0.0
            bin_of_angle = int(np.rad2deg(np.arctan2(down, across)) % 180 // 20)
            cells[y // 8, x // 8, bin_of_angle] += np.hypot(down, across) / 64
    expected = []
    for y in range(7):
        for x in range(7):
            block = cells[y : y + 2, x : x + 2].ravel()
            expected.append(block / np.sqrt((block**2).sum() + 1e-10))
    assert gradient_histograms(picture) == pytest.approx(np.concatenate(expected), abs=1e-12)


def test_gradient_histograms_equal_those_of_scikit_image(picture: Array) -> None:
    feature = pytest.importorskip("skimage.feature")
    theirs = feature.hog(picture, 9, (8, 8), (2, 2), block_norm="L2")
    assert gradient_histograms(picture) == pytest.approx(theirs, abs=1e-6)


def test_oriented_filters_respond_to_their_own_grating_most() -> None:
    y, x = np.mgrid[:64, :64]
    energies = {}
    for angle in (0, 45, 90):
        phase = 2 * np.pi * 0.125 * (x * np.cos(np.deg2rad(angle)) + y * np.sin(np.deg2rad(angle)))
        energies[angle] = oriented_energies(np.cos(phase)).reshape(4, 8, 16).mean(axis=2)
    # Scale 1 passes 1/8 cycles a pixel, orientation 2 is 45 degrees.
    assert [np.unravel_index(each.argmax(), (4, 8)) for each in energies.values()] == [(1, 0), (1, 2), (1, 4)]


def test_oriented_filters_keep_the_place_of_what_they_respond_to(picture: Array) -> None:
    half = picture.copy()
    half[:, :32] = 0.5
    cells = oriented_energies(half).reshape(4, 8, 4, 4)
    # The two largest scales reach over the border.
    assert cells[0, :, :, 0].max() < 0.1 * cells[0, :, :, 3].min()
