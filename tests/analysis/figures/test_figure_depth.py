from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from alignhouse.analysis.figures import depth

REGIONS = (("V1", "early", 0), ("V2", "early", 1), ("MT", "lateral", 15))


def bands(
    sizes: dict[str, int],
    protocols: tuple[str, ...] = ("sound",),
    regions: Sequence[tuple[str, str, int]] = REGIONS[:1],
) -> pl.DataFrame:
    """Groups with these numbers of networks: mean .2 at each depth, band .1 to .3 from three networks on."""
    return pl.DataFrame(
        [
            {
                "protocol": protocol,
                "dataset": "bmd",
                "split": "test",
                "roi": roi,
                "roi_group": roi_group,
                "roi_order": roi_order,
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
            for roi, roi_group, roi_order in regions
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


def test_regions_have_a_panel_each_in_the_row_of_their_group() -> None:
    data: Any = depth.depth_bands(bands({"image-in1k": 3}, regions=REGIONS), protocol="sound").data
    panels = data.select("roi", pl.col("row").cast(pl.String), "column").unique().sort("row", "column")
    assert panels.rows() == [("V1", "early", 0), ("V2", "early", 1), ("MT", "lateral", 0)]


def test_a_group_of_many_regions_goes_on_in_a_second_row() -> None:
    many = [(f"r{number}", "early", number) for number in range(8)]
    data: Any = depth.depth_bands(bands({"image-in1k": 3}, regions=many), protocol="sound").data
    rows = data.unique("roi").sort("roi")
    assert rows["row"].to_list() == ["early"] * 6 + ["early 2"] * 2


def test_the_remark_is_the_subtitle() -> None:
    plot: Any = depth.depth_bands(bands({"CNNs": 3}), protocol="sound", group_by="arch_type")
    assert plot.labels.subtitle == "random weights"
    assert plot.labels.title == "Alignment over depth by architecture · sound protocol · bmd, test"


@pytest.mark.parametrize("protocol", ["paper", "sound"])
def test_a_protocol_without_rows_gives_a_figure_that_says_so(protocol: str) -> None:
    frame = bands({"CNNs": 3}) if protocol == "paper" else pl.DataFrame()
    plot: Any = depth.depth_bands(frame, protocol=protocol)
    assert plot.layers[0].geom.aes_params["label"] == "no rows"
