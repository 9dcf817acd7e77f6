from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
import pytest

from alignhouse.analysis.figures import depth
from alignhouse.warehouse.errors import BadInput

Build = Callable[..., pl.DataFrame]

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


def depth_bands(
    frame: pl.DataFrame, ceilings: pl.DataFrame | None = None, *, protocol: str = "sound", **of: Any
) -> Any:
    """The figure, without noise ceilings unless they are given."""
    return depth.depth_bands(frame, pl.DataFrame() if ceilings is None else ceilings, protocol=protocol, **of)


def named(plot: Any, geom: str) -> list[Any]:
    return [layer._data for layer in plot.layers if type(layer.geom).__name__ == geom]


def test_a_group_has_the_mean_and_the_band_that_are_given() -> None:
    frame = bands({"image-in1k": 5, "video-k400": 2})
    plot: Any = depth_bands(frame)
    (mean,), (band,) = named(plot, "geom_line"), named(plot, "geom_ribbon")
    assert mean.select("depth", "rho").rows() == frame.select("depth", "rho").rows()
    assert band.select("group", "depth", "lower", "upper").rows() == [
        ("image object recognition", at, 0.1, 0.3) for at in (0.0, 0.5, 1.0)
    ]
    assert "7 networks, 9 subjects." in plot.labels.caption
    assert "fewer than 3 networks have no band (1 of 2)" in plot.labels.caption
    assert plot.labels.subtitle == "random weights"


def test_a_single_network_is_a_line_without_a_band() -> None:
    plot: Any = depth_bands(bands({"image-in1k": 1}))
    assert named(plot, "geom_ribbon") == []
    assert "1 network, 9 subjects." in plot.labels.caption


def test_protocols_as_groups_are_of_the_same_networks() -> None:
    frame = bands({"image-in1k": 5}, protocols=("sound", "paper"))
    plot: Any = depth_bands(frame, group_by="protocol")
    assert plot.data["group"].unique().sort().to_list() == ["paper", "sound"]
    assert "5 networks" in plot.labels.caption


def test_regions_have_a_panel_each_in_the_row_of_their_group() -> None:
    data: Any = depth_bands(bands({"image-in1k": 3}, regions=REGIONS)).data
    panels = data.select("roi", pl.col("row").cast(pl.String), "column").unique().sort("row", "column")
    assert panels.rows() == [("V1", "early", 0), ("V2", "early", 1), ("MT", "lateral", 0)]


def test_a_group_of_many_regions_goes_on_in_a_second_row() -> None:
    many = [(f"r{number}", "early", number) for number in range(8)]
    data: Any = depth_bands(bands({"image-in1k": 3}, regions=many)).data
    rows = data.unique("roi").sort("roi")
    assert rows["row"].to_list() == ["early"] * 6 + ["early 2"] * 2


def test_the_remark_is_the_subtitle() -> None:
    plot: Any = depth_bands(bands({"CNNs": 3}), group_by="arch_type")
    assert plot.labels.subtitle == "random weights"
    assert plot.labels.title == "Alignment over depth by architecture · sound protocol · bmd, test"


@pytest.mark.parametrize("protocol", ["paper", "sound"])
def test_a_protocol_without_rows_gives_a_figure_that_says_so(protocol: str) -> None:
    frame = bands({"CNNs": 3}) if protocol == "paper" else pl.DataFrame()
    plot: Any = depth_bands(frame, protocol=protocol)
    assert plot.layers[0].geom.aes_params["label"] == "no rows"


def with_ceilings(ceilings: Build, lower: float, upper: float, **of: Any) -> Any:
    """Curves and bands from .1 to .3 in V1, V2 and MT; V1 and MT have these ceilings, V2 has none."""
    known = pl.col("lower").is_not_null()
    frame = ceilings().with_columns(
        lower=pl.when(known).then(pl.lit(lower)), upper=pl.when(known).then(pl.lit(upper))
    )
    return depth_bands(bands({"image-in1k": 3}, regions=REGIONS), frame.with_columns(**of))


def y_breaks(plot: Any) -> list[float]:
    return next(scale for scale in plot.scales if "y" in scale.aesthetics).breaks


def test_a_line_and_a_band_are_at_the_ceiling_of_each_region(ceilings: Build, said: Any) -> None:
    plot = with_ceilings(ceilings, 0.35, 0.5)
    (band,), (line,) = named(plot, "geom_rect"), named(plot, "geom_segment")
    expected = [("V1", "early", 0.35, 0.5, 0.0, 1.0), ("MT", "lateral", 0.35, 0.5, 0.0, 1.0)]
    columns = ["roi", pl.col("row").cast(pl.String), "lower", "upper", "left", "right"]
    assert band.select(columns).rows() == expected
    assert line["lower"].to_list() == [0.35, 0.35]
    geoms = [type(layer.geom).__name__ for layer in plot.layers]
    assert geoms.index("geom_rect") < geoms.index("geom_ribbon") < geoms.index("geom_line")
    assert y_breaks(plot) == pytest.approx([0, 0.2, 0.4])
    assert "Grey: noise ceiling, from its lower bound (line) to its upper one." in said(plot)


def test_a_weak_ceiling_is_a_dashed_frame_without_a_line(ceilings: Build, said: Any) -> None:
    plot = with_ceilings(ceilings, 0.35, 0.5, is_reliable=pl.lit(False))
    (frame,) = [layer for layer in plot.layers if type(layer.geom).__name__ == "geom_rect"]
    assert frame.geom.aes_params["linetype"] == "dashed"
    assert named(plot, "geom_segment") == []
    assert "Dashed: noise ceiling that is not reliably above chance." in said(plot)


def test_a_ceiling_far_above_the_curves_is_cut_and_the_caption_says_where_it_ends(
    ceilings: Build, said: Any
) -> None:
    plot = with_ceilings(ceilings, 0.5, 0.95)
    (band,), (line,) = named(plot, "geom_rect"), named(plot, "geom_segment")
    assert band["upper"].to_list() == pytest.approx([0.55, 0.55])
    assert line["lower"].to_list() == [0.5, 0.5]
    assert max(y_breaks(plot)) < 0.65
    assert "Ceilings that the axis cuts off reach up to 0.95." in said(plot)


def test_lower_bounds_far_above_the_curves_are_told_and_not_drawn(ceilings: Build, said: Any) -> None:
    plot = with_ceilings(ceilings, 0.91, 0.95)
    assert named(plot, "geom_rect") == named(plot, "geom_segment") == []
    assert max(y_breaks(plot)) < 0.35
    assert "not drawn, because its lower bounds (0.91) are far above curves" in said(plot)


def test_regions_without_ceilings_are_said_to_have_none(said: Any) -> None:
    assert "There is no noise ceiling." in said(depth_bands(bands({"CNNs": 3})))


def test_the_ceiling_of_several_protocols_is_that_of_the_asked_one(ceilings: Build, said: Any) -> None:
    frame = bands({"image-in1k": 5}, protocols=("sound", "paper"))
    plot = depth_bands(frame, ceilings(protocols=["sound", "paper"]), group_by="protocol")
    assert named(plot, "geom_rect")[0].height == 1
    assert "This is the ceiling of the sound protocol." in said(plot)


def test_ceilings_of_other_stimuli_are_refused(ceilings: Build) -> None:
    with pytest.raises(BadInput, match="expected bmd, test, found bmd, train"):
        depth_bands(bands({"CNNs": 3}), ceilings().with_columns(split=pl.lit("train")))
