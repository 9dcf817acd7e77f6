from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from analysis.figures import best_layer
from warehouse.errors import BadInput

Build = Callable[..., pl.DataFrame]


def best_layer_by_group(*frames: pl.DataFrame, **named: Any) -> Any:
    """The figure as Any: plotnine types the data of a plot as anything that can become a pandas frame."""
    return best_layer.best_layer_by_group(*frames, **named)


def layers(plot: Any, name: str) -> list[Any]:
    return [layer for layer in plot.layers if type(layer.geom).__name__ == name]


def test_every_network_is_a_point_at_its_value(best_layers: Build, ceilings: Build) -> None:
    frame = best_layers()
    points = best_layer_by_group(frame, ceilings(), protocol="sound").data
    drawn = {(row["model"], row["roi"]): row["rho"] for row in points.to_dicts()}
    given = {(row["model"], row["roi"]): row["rho"] for row in frame.to_dicts()}
    assert drawn == given


def test_points_stay_within_the_place_of_their_region(best_layers: Build, ceilings: Build) -> None:
    points = best_layer_by_group(best_layers(), ceilings(), protocol="sound").data
    assert ((points["at"] - points["x"]).abs() < 0.5).all()
    assert points.group_by("roi").agg(pl.col("at").n_unique())["at"].to_list() == [4, 4, 4]


def test_groups_stand_side_by_side_in_the_order_of_the_legend(best_layers: Build, ceilings: Build) -> None:
    points = best_layer_by_group(best_layers(), ceilings(), protocol="sound").data
    centres = points.filter(pl.col("roi") == "V1").unique("group").sort("centre")
    assert centres["group"].to_list() == [
        "image object recognition",
        "image action recognition",
        "video action recognition",
    ]
    np.testing.assert_allclose(np.diff(centres["centre"]), 0.8 / 3)


def test_the_band_reaches_from_lower_to_upper_where_both_are_known(
    best_layers: Build, ceilings: Build
) -> None:
    plot = best_layer_by_group(best_layers(), ceilings(), protocol="sound")
    (band,) = layers(plot, "geom_rect")
    assert band._data.select("roi", "lower", "upper").rows() == [("V1", 0.2, 0.3), ("MT", 0.2, 0.3)]


def test_a_region_with_one_bound_has_a_line_and_no_band(best_layers: Build, ceilings: Build) -> None:
    upper_only = ceilings().with_columns(lower=pl.lit(None, pl.Float64))
    plot = best_layer_by_group(best_layers(), upper_only, protocol="sound")
    assert not layers(plot, "geom_rect")
    (line,) = layers(plot, "geom_segment")
    assert line._data["upper"].to_list() == [0.3, 0.3]


@pytest.mark.parametrize(("size", "n_boxes"), [(2, 0), (3, 1)])
def test_a_group_has_a_box_from_three_networks_on(
    best_layers: Build, ceilings: Build, size: int, n_boxes: int
) -> None:
    networks = [(f"net{n}", "image-in1k", "CNNs") for n in range(size)] + [("other", "video-k400", "CNNs")]
    plot = best_layer_by_group(best_layers(networks), ceilings(), protocol="sound")
    boxes = layers(plot, "geom_boxplot")
    assert len(boxes) == n_boxes
    for box in boxes:
        assert box._data["group"].unique().to_list() == ["image object recognition"]
        assert box._data.height == size * 3


@pytest.mark.parametrize("group_by", ["model_type", "arch_type"])
def test_title_and_subtitle_say_protocol_stimuli_and_remark(
    best_layers: Build, ceilings: Build, group_by: str
) -> None:
    plot = best_layer_by_group(
        best_layers(remark="random weights"),
        ceilings(remark="synthetic brains"),
        protocol="sound",
        group_by=group_by,
    )
    assert "sound protocol · bmd, test" in plot.labels.title
    assert plot.labels.subtitle == "random weights; synthetic brains"


def test_without_a_remark_there_is_no_subtitle(best_layers: Build, ceilings: Build) -> None:
    assert best_layer_by_group(best_layers(), ceilings(), protocol="sound").labels.subtitle is None


def test_rows_without_a_value_are_counted_in_the_caption(best_layers: Build, ceilings: Build) -> None:
    holed = best_layers().with_columns(rho=pl.when(pl.col("model") != "ViT").then("rho"))
    assert "3 rows without a value" in best_layer_by_group(holed, ceilings(), protocol="sound").labels.caption


@pytest.mark.parametrize("empty", [pl.DataFrame(), None])
def test_an_empty_frame_gives_a_figure_that_says_so(
    best_layers: Build, ceilings: Build, empty: pl.DataFrame | None
) -> None:
    frame = best_layers().clear() if empty is None else empty
    plot = best_layer_by_group(frame, ceilings(remark="synthetic brains"), protocol="sound")
    assert plot.layers[0].geom.aes_params["label"] == "no rows"
    assert plot.labels.subtitle == "synthetic brains"


def test_missing_noise_ceilings_leave_the_points(best_layers: Build) -> None:
    plot = best_layer_by_group(best_layers(), pl.DataFrame(), protocol="sound")
    assert plot.data.height == 12
    assert "noise ceiling" not in plot.labels.caption


def test_ceilings_of_other_stimuli_are_refused(best_layers: Build, ceilings: Build) -> None:
    other = ceilings().with_columns(split=pl.lit("train"))
    with pytest.raises(BadInput, match="expected bmd, test, found bmd, train"):
        best_layer_by_group(best_layers(), other, protocol="sound")
