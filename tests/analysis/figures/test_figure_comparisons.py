"""Figures that compare protocols or hemispheres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from alignhouse.analysis.figures.hemispheres import hemispheres
from alignhouse.analysis.figures.protocol_difference import protocol_difference
from alignhouse.analysis.figures.save import write_figure

Build = Callable[..., pl.DataFrame]
Said = Callable[[Any], str]
Drawn = Callable[[Any, str], list[pl.DataFrame]]


def differences(best_layers: Build) -> pl.DataFrame:
    return best_layers().with_columns(
        difference=pl.col("rho") - 0.15,
        group_median=pl.lit(-0.01),
        same_layers=pl.lit(0.25),
    )


def test_a_point_is_the_difference_of_a_network(best_layers: Build, drawn: Drawn, said: Said) -> None:
    frame = differences(best_layers)
    plot: Any = protocol_difference(frame, protocol="sound", other="paper")
    keys = ["model", "roi", "difference"]
    assert plot.data.select(keys).sort(keys).equals(frame.select(keys).sort(keys))
    (bars,) = drawn(plot, "geom_segment")
    assert set(bars["group_median"]) == {-0.01}
    words = "How much higher networks score under sound than under paper · bmd, test"
    assert said(plot).startswith(words)
    assert "In 25 % of the points, both protocols have the same best layer." in said(plot)
    assert plot.labels.y == "Spearman rho, sound minus paper"


def test_points_lie_above_the_bars_of_medians(best_layers: Build) -> None:
    plot: Any = protocol_difference(differences(best_layers), protocol="sound", other="paper")
    geoms = [type(layer.geom).__name__ for layer in plot.layers]
    assert geoms.index("geom_segment") < geoms.index("geom_point")


def test_protocols_without_a_difference_say_so(best_layers: Build, said: Said) -> None:
    same = differences(best_layers).with_columns(difference=pl.lit(0.0), group_median=pl.lit(0.0))
    assert "Every score is the same under both protocols." in said(
        protocol_difference(same, protocol="sound", other="paper")
    )


@pytest.mark.parametrize(
    ("other", "why"), [(None, "there is one protocol only"), ("paper", "under both sound and paper")]
)
def test_one_protocol_alone_gives_a_figure_that_says_so(other: str | None, why: str) -> None:
    plot: Any = protocol_difference(pl.DataFrame(), protocol="sound", other=other)
    assert why in plot.layers[0].geom.aes_params["label"]
    assert f"than under {other or 'another protocol'}" in " ".join(plot.labels.title.split())


def sides(best_layers: Build, *, ceilings: bool = True) -> pl.DataFrame:
    return pl.concat(
        best_layers().with_columns(
            hemisphere=pl.lit(side),
            rho=pl.col("rho") + shift,
            group_median=pl.lit(0.1 + shift),
            lower=pl.lit(0.2 + shift if ceilings else None, pl.Float64),
            upper=pl.lit(0.3 if ceilings else None, pl.Float64),
            is_reliable=pl.lit(True if ceilings else None, pl.Boolean),
        )
        for side, shift in (("left", 0.0), ("right", 0.05))
    )


def test_every_network_stands_on_both_sides_of_a_region(best_layers: Build, drawn: Drawn) -> None:
    frame = sides(best_layers)
    plot: Any = hemispheres(frame, protocol="sound")
    keys = ["model", "roi", "hemisphere", "rho"]
    assert plot.data.select(keys).sort(keys).equals(frame.select(keys).sort(keys))
    (bands,) = drawn(plot, "geom_rect")
    assert bands.select("roi", "hemisphere", "lower").rows()[:2] == [
        ("V1", "left", 0.2),
        ("V1", "right", 0.25),
    ]
    (joined,) = drawn(plot, "geom_path")
    assert joined.group_by("pair").len()["len"].to_list() == [2] * 12
    (bars,) = drawn(plot, "geom_segment")
    assert bars.filter(roi="MT")["group_median"].to_list() == [0.1, 0.15000000000000002]
    geoms = [type(layer.geom).__name__ for layer in plot.layers]
    assert geoms.index("geom_segment") < geoms.index("geom_point")


def test_sides_without_ceilings_and_data_without_sides_say_so(
    best_layers: Build, said: Said, tmp_path: Any
) -> None:
    plot = hemispheres(sides(best_layers, ceilings=False), protocol="sound", width=3.5)
    assert "There is no noise ceiling" in said(plot)
    write_figure(plot, tmp_path / "sides.svg")
    assert (tmp_path / "sides.svg").read_bytes().startswith(b"<?xml")
    empty: Any = hemispheres(pl.DataFrame(), protocol="sound")
    assert "no region was scored separately left and right" in empty.layers[0].geom.aes_params["label"]
