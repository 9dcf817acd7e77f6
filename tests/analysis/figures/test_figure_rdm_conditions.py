"""The order, the categories and the thumbnails of the conditions of RDMs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from alignhouse.analysis.figures.rdm_conditions import (
    SIDE,
    every_few,
    ordered_conditions,
    thumbnail,
    thumbnail_pixels,
)
from alignhouse.analysis.statistics.condition_order import clustered_order

NAMES = [f"clip{number:02d}" for number in range(24)]
RDM = np.random.default_rng(0).random(24 * 23 // 2)
CLUSTERED = [NAMES[place] for place in clustered_order(RDM)]


def known(**labels: list[str | None]) -> pl.DataFrame:
    """What is known of the stimuli, in another order than that of the RDM."""
    text = pl.Series([None] * 24, dtype=pl.String)
    frame = pl.DataFrame(
        {
            "stimulus": NAMES,
            "sha256": [f"hash of {name}" for name in NAMES],
            **{
                kind: pl.Series(labels.get(kind, text), dtype=pl.String)
                for kind in ("object", "scene", "action")
            },
        }
    )
    return frame.reverse()


def test_without_annotations_conditions_are_clustered() -> None:
    found = ordered_conditions(NAMES, RDM, known())
    assert found["place"].to_list() == list(range(24))
    assert found["stimulus"].to_list() == CLUSTERED
    assert [NAMES[place] for place in found["stored_place"]] == CLUSTERED
    assert found["category"].null_count() == found["thumbnail"].null_count() == 24
    assert found["order_words"][0] == (
        "ordered by hierarchical clustering of the regions' mean RDM (average linkage, best order of leaves)"
    )


def test_conditions_are_in_categories_and_clustered_in_each() -> None:
    scenes: list[str | None] = [("beach", "kitchen", "forest")[number % 3] for number in range(24)]
    actions: list[str | None] = [f"action {number % 6}" for number in range(24)]
    found = ordered_conditions(NAMES, RDM, known(scene=scenes, action=actions))
    category = dict(zip(NAMES, scenes, strict=True))
    expected = [
        name for scene in ("beach", "forest", "kitchen") for name in CLUSTERED if category[name] == scene
    ]
    assert found["stimulus"].to_list() == expected
    assert found["category"].to_list() == [category[name] for name in expected]
    assert found["kind"].unique().to_list() == ["scene"]
    assert found["order_words"][0].startswith("ordered by the scene that annotators named most often, then")


@pytest.mark.parametrize(
    "scenes",
    [
        [f"scene {number // 2}" for number in range(24)],
        ["beach"] * 24,
        [None, *["beach"] * 11, *["forest"] * 12],
    ],
    ids=["too small", "all the same", "not known of all"],
)
def test_categories_that_order_little_are_not_used(scenes: list[str | None]) -> None:
    found = ordered_conditions(NAMES, RDM, known(scene=scenes))
    assert found["stimulus"].to_list() == CLUSTERED
    assert found["kind"].null_count() == 24


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (3, [0, 1, 2]),
        (12, list(range(12))),
        (13, list(range(0, 13, 2))),
        (20, list(range(1, 20, 2))),
        (24, list(range(1, 24, 2))),
    ],
)
def test_at_most_twelve_conditions_are_labelled_in_equal_distances(number: int, expected: list[int]) -> None:
    assert every_few(number) == expected
    many = every_few(1000)
    assert len(many) == 12
    assert set(np.diff(many)) == {83, 84}


def test_thumbnails_are_of_the_labelled_stimuli_and_read_by_name_and_hash() -> None:
    asked: dict[str, str | None] = {}

    def read(wanted: Mapping[str, str | None]) -> dict[str, np.ndarray]:
        asked.update(wanted)
        return {
            name: np.full((30, 50, 3), NAMES.index(name), np.uint8)
            for name in sorted(wanted)
            if name != CLUSTERED[3]
        }

    found = ordered_conditions(NAMES, RDM, known(), read)
    assert list(asked) == CLUSTERED[1::2]
    assert asked[CLUSTERED[1]] == f"hash of {CLUSTERED[1]}"
    for place, (name, stored) in enumerate(found.select("stimulus", "thumbnail").iter_rows()):
        if place % 2 == 0 or place == 3:
            assert stored is None
        else:
            assert (thumbnail_pixels(stored) == NAMES.index(name)).all()


def test_a_thumbnail_is_the_middle_square() -> None:
    picture = np.zeros((40, 100, 3), np.uint8)
    picture[:, 30:70] = (10, 200, 30)
    pixels: Any = thumbnail_pixels(thumbnail(picture))
    assert pixels.shape == (SIDE, SIDE, 3)
    # Resampling mixes the pixels at the edges with what is beside them.
    np.testing.assert_allclose(pixels[:, 4:-4], np.broadcast_to((10, 200, 30), (SIDE, SIDE - 8, 3)), atol=3)
