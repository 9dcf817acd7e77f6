from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from alignhouse.analysis.figures import best_layer
from alignhouse.warehouse.errors import BadInput

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


def with_tests(frame: pl.DataFrame, **p: float | None) -> pl.DataFrame:
    """The frame with a median of .15 for every group, and p-values for the given groups."""
    return frame.with_columns(
        group_median=pl.lit(0.15),
        group_p=pl.col("model_type").replace_strict(p, default=None, return_dtype=pl.Float64),
    )


def test_a_group_of_two_or_more_has_a_bar_at_the_median_that_is_given(
    best_layers: Build, ceilings: Build
) -> None:
    plot = best_layer_by_group(with_tests(best_layers()), pl.DataFrame(), protocol="sound")
    (bars,) = layers(plot, "geom_segment")
    assert bars._data.select("roi", "group", "group_median").rows() == [
        (roi, "image object recognition", 0.15) for roi in ("V1", "V2", "MT")
    ]
    assert not layers(best_layer_by_group(best_layers(), pl.DataFrame(), protocol="sound"), "geom_segment")


def test_a_group_has_the_stars_of_its_p_above_its_points(best_layers: Build) -> None:
    frame = with_tests(best_layers(), **{"image-in1k": 0.003, "image-k400": 0.05, "video-k400": 0.0009})
    plot = best_layer_by_group(frame, pl.DataFrame(), protocol="sound")
    (text,) = layers(plot, "geom_text")
    marks = text._data.filter(pl.col("roi") == "V1").select("group", "mark").rows()
    assert marks == [("image object recognition", "**"), ("video action recognition", "***")]
    # The highest point of all, in MT, is at .145, which is the height of the panels.
    assert (text._data["y"] - text._data["top"]).to_list() == pytest.approx([0.03 * 0.145] * 6)
    tops = dict(frame.group_by("roi").agg(pl.col("rho").max()).iter_rows())
    of_videos = text._data.filter(pl.col("group") == "video action recognition")
    assert of_videos["top"].to_list() == [tops[roi] for roi in of_videos["roi"]]
    (room,) = layers(plot, "geom_blank")[1:]
    assert (room._data["reach"] - room._data["y"]).to_list() == pytest.approx([0.06 * 0.145] * 6)


@pytest.mark.parametrize(("width", "mark"), [(7.2, "***"), (1.6, "*\n*\n*")])
def test_stars_that_are_wider_than_their_group_are_stacked(
    best_layers: Build, width: float, mark: str
) -> None:
    frame = with_tests(best_layers(), **{"video-k400": 0.0001})
    plot = best_layer_by_group(frame, pl.DataFrame(), protocol="sound", width=width)
    (text,) = layers(plot, "geom_text")
    assert text._data["mark"].to_list() == [mark] * 3
    tall = 0.06 if width > 7 else 0.12
    assert (text._data["reach"] - text._data["y"]).to_list() == pytest.approx([tall * 0.145] * 3)


def test_points_lie_above_the_bars_of_medians(best_layers: Build) -> None:
    plot = best_layer_by_group(with_tests(best_layers()), pl.DataFrame(), protocol="sound")
    geoms = [type(layer.geom).__name__ for layer in plot.layers]
    assert geoms.index("geom_segment") < geoms.index("geom_point")


def test_points_are_hollow_where_p_is_not_small(best_layers: Build) -> None:
    frame = best_layers().with_columns(
        p_value=pl.col("model").replace_strict(
            {"AlexNet": 0.04, "ViT": 0.05, "C2D": None}, default=0.5, return_dtype=pl.Float64
        )
    )
    filled, hollow = layers(best_layer_by_group(frame, pl.DataFrame(), protocol="sound"), "geom_point")
    assert filled._data["model"].unique().to_list() == ["AlexNet"]
    assert sorted(hollow._data["model"].unique()) == ["C2D", "SlowFast", "ViT"]
    assert hollow.geom.aes_params["fill"] == "white"


def pairs(**p: float) -> pl.DataFrame:
    """In V1: groups a_b -> adjusted p of their difference."""
    return pl.DataFrame(
        [
            {"roi": "V1", "group_a": a, "group_b": b, "p_adjusted": value, "correction": "holm"}
            for (a, b), value in ((name.split("__"), value) for name, value in p.items())
        ]
    )


def test_groups_that_differ_have_a_bracket_from_one_to_the_other(best_layers: Build) -> None:
    given = pairs(
        **{"video-k400__image-in1k": 0.02, "image-in1k__image-k400": 0.2, "image-k400__video-k400": 0.004}
    )
    plot = best_layer_by_group(with_tests(best_layers()), pl.DataFrame(), given, protocol="sound")
    text = layers(plot, "geom_text")[-1]._data
    centres = dict(plot.data.filter(pl.col("roi") == "V1").select("group", "centre").iter_rows())
    assert text.select("left", "right", "mark").rows() == [
        (centres["image action recognition"], centres["video action recognition"], "**"),
        (centres["image object recognition"], centres["video action recognition"], "*"),
    ]
    highest = plot.data.filter(pl.col("roi") == "V1")["rho"].max()
    # One foot and a gap above the points, and each bracket above the stars of the one below.
    assert text["y"][0] == pytest.approx(highest + (0.03 + 0.015) * 0.145)
    assert text["y"][1] > text["reach"][0]
    assert "Holm" in plot.labels.caption


def test_a_bracket_is_above_the_stars_of_its_groups(best_layers: Build) -> None:
    frame = with_tests(best_layers(), **{"video-k400": 0.0001})
    given = pairs(**{"image-in1k__image-k400": 0.01})
    plot = best_layer_by_group(frame, pl.DataFrame(), given, protocol="sound")
    marks, brackets = (layer._data for layer in layers(plot, "geom_text"))
    (reach,) = marks.filter(pl.col("roi") == "V1")["reach"]
    assert brackets["y"][0] - brackets["tick"][0] > reach


def test_an_unreliable_ceiling_is_dashed_on_all_sides(best_layers: Build, ceilings: Build) -> None:
    weak = ceilings().with_columns(is_reliable=pl.col("roi") != "V1")
    plot = best_layer_by_group(best_layers(), weak, protocol="sound")
    assert [line._data["roi"].to_list() for line in layers(plot, "geom_segment")] == [["MT"], ["MT"]]


def test_many_groups_have_no_brackets_and_the_caption_says_so(best_layers: Build) -> None:
    networks = [(f"net{n}", "image-in1k", f"family{n}") for n in range(9)]
    plot = best_layer_by_group(
        best_layers(networks).with_columns(group_median=0.1, group_p=0.001),
        pl.DataFrame(),
        pairs(family0__family1=0.001),
        protocol="sound",
        group_by="arch_type",
    )
    assert not layers(plot, "geom_text")
    caption = plot.labels.caption.replace("\n", " ")
    assert "Too many groups for brackets" in caption
    assert "Too many groups for stars" in caption


def test_by_protocol_every_network_appears_once_per_protocol(best_layers: Build, ceilings: Build) -> None:
    plot = best_layer_by_group(
        best_layers(protocols=["sound", "paper"]),
        ceilings(protocols=["sound", "paper"]),
        protocol="sound",
        group_by="protocol",
    )
    assert plot.data.group_by("group").len().sort("group").rows() == [("paper", 12), ("sound", 12)]
    assert "every protocol" in plot.labels.title
    assert "ceiling of the sound protocol" in plot.labels.caption


def test_text_is_broken_where_a_column_ends(best_layers: Build, ceilings: Build) -> None:
    wide, narrow = (
        best_layer_by_group(best_layers(), ceilings(), protocol="sound", width=width) for width in (7.2, 3.5)
    )
    assert "\n" not in wide.labels.title
    assert narrow.labels.title.replace("\n", " ") == wide.labels.title
    assert narrow.theme.getp("figure_size")[0] == 3.5
    assert max(map(len, narrow.labels.caption.split("\n"))) < max(map(len, wide.labels.caption.split("\n")))


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
    assert "There is no noise ceiling" in plot.labels.caption


def test_ceilings_of_other_stimuli_are_refused(best_layers: Build, ceilings: Build) -> None:
    other = ceilings().with_columns(split=pl.lit("train"))
    with pytest.raises(BadInput, match="expected bmd, test, found bmd, train"):
        best_layer_by_group(best_layers(), other, protocol="sound")


def test_a_ceiling_that_may_be_chance_is_only_a_dashed_frame(best_layers: Build, ceilings: Build) -> None:
    weak = ceilings().with_columns(is_reliable=pl.col("roi").cast(pl.String) != "V1")
    plot: Any = best_layer_by_group(best_layers(), weak, protocol="sound")
    bands = [layer for layer in plot.layers if type(layer.geom).__name__ == "geom_rect"]
    grey, dashed = bands
    assert grey.geom.aes_params["fill"] == "#DADADA"
    assert "V1" not in grey._data["roi"].to_list()
    assert dashed._data["roi"].to_list() == ["V1"]
    assert dashed.geom.aes_params["linetype"] == "dashed"
    said = " ".join(plot.labels.caption.split())
    assert "Dashed: noise ceiling that is not reliably above chance." in said
    all_weak = ceilings().with_columns(is_reliable=pl.lit(False))
    caption = best_layer_by_group(best_layers(), all_weak, protocol="sound").labels.caption
    assert "Grey" not in caption
