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


def test_the_thick_line_is_the_plain_mean_of_a_group(profiles: Build) -> None:
    plot = alignment_over_depth(profiles(), protocol="sound")
    (mean,) = (layer for layer in plot.layers if type(layer.geom).__name__ == "geom_line")
    rows = mean._data.filter((pl.col("roi") == "V1") & (pl.col("depth") == 1.0))
    # AlexNet .1 and ViT .2 are the image object networks; C2D .3; SlowFast .4.
    assert dict(zip(rows["group"], rows["rho"], strict=True)) == pytest.approx(
        {"image object recognition": 0.15, "image action recognition": 0.3, "video action recognition": 0.4}
    )


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
