from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from analysis.figures import depth

Build = Callable[..., pl.DataFrame]


def alignment_over_depth(frame: pl.DataFrame, **named: Any) -> Any:
    """The figure as Any: plotnine types the data of a plot as anything that can become a pandas frame."""
    return depth.alignment_over_depth(frame, **named)


def test_every_network_is_a_line_through_its_values(profiles: Build) -> None:
    frame = profiles()
    plot = alignment_over_depth(frame, protocol="sound")
    keys = ["model", "roi", "depth", "rho"]
    assert plot.data.select(keys).sort(keys).equals(frame.select(keys).sort(keys))
    thin = next(layer for layer in plot.layers if type(layer.geom).__name__ == "geom_path")
    assert thin._data.drop_nulls().select(keys).sort(keys).equals(frame.select(keys).sort(keys))


def test_lines_of_two_networks_are_never_joined(profiles: Build) -> None:
    plot = alignment_over_depth(profiles(), protocol="sound")
    thin = next(layer for layer in plot.layers if type(layer.geom).__name__ == "geom_path")._data
    changes = thin.filter(pl.col("model") != pl.col("model").shift(1))
    before = thin.filter(pl.col("model") != pl.col("model").shift(-1))
    assert changes.height > 0
    assert before["rho"].is_null().all()


def bands(sizes: dict[str, int], protocols: tuple[str, ...] = ("sound",)) -> pl.DataFrame:
    """Groups of so many networks: mean .2 at each depth, .1 to .3; none of groups of fewer than three."""
    return pl.DataFrame(
        [
            {
                "protocol": protocol,
                "dataset": "bmd",
                "split": "test",
                "roi": "V1",
                "roi_group": "early",
                "roi_order": 0,
                "group_name": protocol if len(protocols) > 1 else group,
                "depth": depth,
                "rho": 0.2,
                "lower": 0.1 if size > 2 else None,
                "upper": 0.3 if size > 2 else None,
                "n_models": size,
                "n_subjects": 9,
                "remark": "random weights",
            }
            for protocol in protocols
            for group, size in sizes.items()
            for depth in (0.0, 0.5, 1.0)
        ]
    )


def named(plot: Any, geom: str) -> list[Any]:
    return [layer._data for layer in plot.layers if type(layer.geom).__name__ == geom]


def test_a_group_has_the_mean_and_the_band_that_are_given() -> None:
    frame = bands({"image-in1k": 5, "video-k400": 2})
    plot: Any = depth.depth_bands(frame, protocol="sound")
    (mean,), (band,) = named(plot, "geom_line"), named(plot, "geom_ribbon")
    assert mean.select("depth", "rho").rows() == frame.select("depth", "rho").rows()
    assert band.select("group", "depth", "lower", "upper").rows() == [
        ("image object recognition", at, 0.1, 0.3) for at in (0.0, 0.5, 1.0)
    ]
    assert "7 networks, 9 subjects." in plot.labels.caption
    assert "fewer than 3 networks have no band (1 of 2)" in plot.labels.caption
    assert plot.labels.subtitle == "random weights"


def test_a_single_network_is_a_line_without_a_band() -> None:
    plot: Any = depth.depth_bands(bands({"image-in1k": 1}), protocol="sound")
    assert named(plot, "geom_ribbon") == []
    assert "1 network, 9 subjects." in plot.labels.caption


def test_protocols_as_groups_are_of_the_same_networks() -> None:
    frame = bands({"image-in1k": 5}, protocols=("sound", "paper"))
    plot: Any = depth.depth_bands(frame, protocol="sound", group_by="protocol")
    assert plot.data["group"].unique().sort().to_list() == ["paper", "sound"]
    assert "5 networks" in plot.labels.caption


def test_networks_stand_behind_the_means_of_their_groups(profiles: Build) -> None:
    frame = bands({"image-in1k": 3})
    plot = depth.alignment_over_depth(profiles(), frame, protocol="sound")
    (mean,) = named(plot, "geom_line")
    assert mean["rho"].to_list() == [0.2] * 3
    assert named(alignment_over_depth(profiles(), protocol="sound"), "geom_line") == []


def test_regions_have_a_panel_each_in_the_row_of_their_group(profiles: Build) -> None:
    data = alignment_over_depth(profiles(), protocol="sound").data
    panels = data.select("roi", pl.col("row").cast(pl.String), "column").unique().sort("row", "column")
    assert panels.rows() == [("V1", "early", 0), ("V2", "early", 1), ("MT", "lateral", 0)]


def test_a_group_of_many_regions_goes_on_in_a_second_row(profiles: Build) -> None:
    one = profiles().filter(pl.col("roi") == "V1")
    many = pl.concat(one.with_columns(roi=pl.lit(f"r{n}"), roi_order=pl.lit(n)) for n in range(8))
    rows = alignment_over_depth(many, protocol="sound").data.unique("roi").sort("roi")
    assert rows["row"].to_list() == ["early"] * 6 + ["early 2"] * 2


def test_the_remark_is_the_subtitle(profiles: Build) -> None:
    plot = alignment_over_depth(profiles(remark="random weights"), protocol="sound", group_by="arch_type")
    assert plot.labels.subtitle == "random weights"
    assert plot.labels.title == "Alignment over depth by architecture · sound protocol · bmd, test"


@pytest.mark.parametrize("protocol", ["paper", "sound"])
def test_a_protocol_without_rows_gives_a_figure_that_says_so(profiles: Build, protocol: str) -> None:
    frame = profiles() if protocol == "paper" else pl.DataFrame()
    assert alignment_over_depth(frame, protocol=protocol).layers[0].geom.aes_params["label"] == "no rows"
