"""Colour-blind readers can distinguish the colours."""

from __future__ import annotations

import numpy as np
import pytest
from colour_blindness import MATRICES, from_hex, lab, smallest_distance

from alignhouse.analysis.figures.labels import MARKERS, OKABE_ITO
from alignhouse.analysis.figures.profile import COLOURS

# A difference of 2.3 is just noticeable side by side (Mahy et al. 1994); small marks need several times more.
FAR = 10.0


def test_the_simulation_confuses_what_the_colour_blind_confuse() -> None:
    red_and_green = from_hex(("#C00000", "#5A6A00"))
    assert smallest_distance(red_and_green, "none") > 60
    assert smallest_distance(red_and_green, "deuteranopia") < 25
    np.testing.assert_allclose(lab(np.ones((1, 3)), "none"), [[100, 0, 0]], atol=0.02)


@pytest.mark.parametrize("seen_with", MATRICES)
def test_all_colours_of_groups_are_far_apart_however_they_are_seen(seen_with: str) -> None:
    assert smallest_distance(from_hex(OKABE_ITO), seen_with) > FAR


@pytest.mark.parametrize("seen_with", MATRICES)
def test_colours_of_values_grow_lighter_all_the_way(seen_with: str) -> None:
    import matplotlib

    colours = matplotlib.colormaps[COLOURS](np.linspace(0, 1, 64))[:, :3]
    assert (np.diff(lab(colours, seen_with)[:, 0]) > 0).all()


def test_groups_differ_in_their_markers_too() -> None:
    assert len(set(MARKERS)) == len(MARKERS) >= len(OKABE_ITO)
