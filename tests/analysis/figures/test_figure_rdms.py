"""Pictures of RDMs, the map of RDMs, and the positions of labels."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import squareform

from alignhouse.analysis.figures.label_places import Box, label_places
from alignhouse.analysis.figures.rdm_frames import picture
from alignhouse.analysis.figures.rdm_map import rdm_map
from alignhouse.analysis.figures.rdms import rdm_pictures
from alignhouse.analysis.figures.save import save_figure

Said = Callable[[Any], str]
Drawn = Callable[[Any, str], list[pl.DataFrame]]

SCOPE = {"protocol": "sound", "dataset": "bmd", "split": "test", "remark": "random weights"}


def test_a_picture_keeps_the_order_of_conditions_and_shows_ranks() -> None:
    rdm = np.array([3.0, 1.0, 2.0, 5.0, 4.0, 6.0]) ** 2
    cells = picture(rdm)
    assert cells.height == 16
    square = np.full((4, 4), np.nan)
    for row, column, value in cells.select("row", "column", "percentile").iter_rows():
        square[row, column] = np.nan if value is None else value
    assert np.isnan(np.diagonal(square)).all()
    expected = squareform(np.array([3, 1, 2, 5, 4, 6]) / 6)
    np.testing.assert_allclose(square[~np.eye(4, dtype=bool)], expected[~np.eye(4, dtype=bool)])


def test_many_conditions_are_shown_by_the_means_of_blocks() -> None:
    rdm = np.random.default_rng(0).random(7 * 6 // 2)
    cells = picture(rdm, most=3)
    assert cells.select("n_conditions", "cell").unique().rows() == [(7, 3)]
    whole = np.full((7, 7), np.nan)
    for row, column, value in picture(rdm).select("row", "column", "percentile").iter_rows():
        whole[row, column] = np.nan if value is None else value
    for row, column, value in cells.select("row", "column", "percentile").iter_rows():
        block = whole[3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
        if np.isnan(block).all():  # the last condition with itself
            assert (row, column, value) == (2, 2, None)
        else:
            assert value == pytest.approx(np.nanmean(block))


def pictures() -> pl.DataFrame:
    frames = []
    for order, roi in enumerate(("V1", "MT")):
        for panel, title in enumerate(
            (f"{roi}, mean of 3", "a_network_with_a_rather_long_name, layer4.2.conv3")
        ):
            rdm = np.random.default_rng(order * 2 + panel).random(10)
            frames.append(
                picture(rdm).with_columns(
                    *(pl.lit(value).alias(name) for name, value in SCOPE.items()),
                    roi=pl.lit(roi),
                    roi_group=pl.lit("early" if roi == "V1" else "lateral"),
                    roi_order=pl.lit(order),
                    panel=pl.lit(panel),
                    title=pl.lit(title),
                    model=pl.lit("net"),
                    n_subjects=pl.lit(3),
                )
            )
    return pl.concat(frames)


@pytest.mark.parametrize("width", [3.5, 7.2])
def test_the_layer_of_a_region_stands_below_it(width: float, said: Said, tmp_path: Any) -> None:
    frame = pictures()
    plot: Any = rdm_pictures(frame, protocol="sound", width=width)
    keys = ["roi", "panel", "row", "column", "percentile"]
    assert plot.data.select(keys).sort(keys).equals(frame.select(keys).sort(keys))
    keys_in_order = plot.data["key"].dtype.categories.to_list()
    order = [key.split("\N{UNIT SEPARATOR}")[:2] for key in keys_in_order]
    assert order == [["V1", "0"], ["MT", "0"], ["V1", "1"], ["MT", "1"]]
    assert "5 × 5 stimuli" in said(plot)
    assert "random weights" in said(plot)
    assert save_figure(plot, tmp_path, "rdms", formats=["png"], dpi=40)["png"].stat().st_size > 0


def points(n_layers: int = 3, *, networks: int = 2) -> pl.DataFrame:
    """Regions in one place each, and networks on lines."""
    regions = [
        {"kind": "region", "name": name, "x": 0.01 * i, "y": 0.0, "n_subjects": 9}
        for i, name in enumerate(("V1", "V2", "MT"))
    ]
    layers = [
        {
            "kind": "layer",
            "name": f"net{n}, l{i}",
            "model": f"net{n}",
            "layer": f"l{i}",
            "layer_index": i,
            "n_layers": n_layers,
            "x": i / 3,
            "y": 0.1 * n,
        }
        for n in range(networks)
        for i in range(n_layers)
    ]
    empty = {"model": None, "layer": None, "layer_index": None, "n_layers": None, "n_subjects": None}
    return pl.DataFrame([empty | row for row in regions + layers], infer_schema_length=None).with_columns(
        *(pl.lit(value).alias(name) for name, value in SCOPE.items()),
        pl.lit("early").alias("roi_group"),
        share_x=pl.lit(0.6),
        share_y=pl.lit(0.25),
    )


def test_regions_and_layers_are_where_they_were_put(drawn: Drawn, said: Said) -> None:
    frame = points()
    plot: Any = rdm_map(frame, protocol="sound")
    assert plot.data.select("name", "x", "y").equals(frame.select("name", "x", "y"))
    (path,) = drawn(plot, "geom_path")
    assert path["layer_index"].to_list() == [0, 1, 2] * 2
    (names,) = drawn(plot, "geom_text")
    assert names["label"].to_list() == ["V1", "V2", "MT"]
    assert "3 regions, 2 networks, 9 subjects." in said(plot)
    assert "60 % and 25 % of the eigenvalues" in said(plot)


@pytest.mark.parametrize(("n_layers", "networks"), [(1, 1), (4, 3)])
def test_a_map_is_drawn_of_few_and_of_many(
    tmp_path: Any, recwarn: pytest.WarningsRecorder, n_layers: int, networks: int
) -> None:
    plot = rdm_map(points(n_layers, networks=networks), protocol="sound", width=3.5)
    assert save_figure(plot, tmp_path, "map", formats=["svg"])["svg"].stat().st_size > 0
    assert [str(each.message) for each in recwarn if "Plotnine" in each.category.__name__] == []


def test_labels_of_near_points_do_not_hide_one_another() -> None:
    crowd = [(0.0, 0.0), (0.05, 0.0), (0.0, 0.05), (0.05, 0.05), (0.02, 0.02)]
    sizes = [(0.3, 0.1)] * len(crowd)
    places = label_places(crowd, sizes, crowd, room=Box(0, 0, 4, 4), gap=0.05)
    boxes = [Box(*place, *size) for place, size in zip(places, sizes, strict=True)]
    assert all(a.overlap(b) == pytest.approx(0) for a, b in combinations(boxes, 2))
    assert all(box.beyond(Box(0, 0, 4, 4)) == 0 for box in boxes)


def test_a_label_stays_in_the_map() -> None:
    [(x, _)] = label_places([(0.9, 0.0)], [(0.6, 0.1)], [(0.9, 0.0)], room=Box(0, 0, 2, 2), gap=0.05)
    assert x + 0.3 <= 1


def test_a_label_far_from_its_point_has_a_line_to_it(drawn: Drawn) -> None:
    places = [(f"region-{i}", 0.0) for i in range(12)] + [("MT", 1.0)]
    kinds = {"model": pl.String, "layer": pl.String, "layer_index": pl.Int64, "n_layers": pl.Int64}
    rows = pl.DataFrame(
        [{"kind": "region", "name": name, "x": at, "y": at, "n_subjects": 9} for name, at in places]
    ).with_columns(
        *(pl.lit(None, kind).alias(name) for name, kind in kinds.items()),
        *(pl.lit(value).alias(name) for name, value in SCOPE.items()),
        roi_group=pl.lit("early"),
        share_x=pl.lit(0.6),
        share_y=pl.lit(0.25),
    )
    (lines,) = drawn(rdm_map(rows, protocol="sound"), "geom_segment")
    assert 0 < lines.height < 12
    assert "MT" not in lines["name"].to_list()
    named = drawn(rdm_map(rows, protocol="sound"), "geom_text")[0]
    assert len(set(named.select("label_x", "label_y").rows())) == 13
