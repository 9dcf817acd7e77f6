"""Pictures of RDMs, the map of RDMs, and the positions of labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from alignhouse.analysis.figures.drawing import drawing
from alignhouse.analysis.figures.label_places import Box, label_places
from alignhouse.analysis.figures.rdm_conditions import every_few, thumbnail
from alignhouse.analysis.figures.rdm_frames import picture
from alignhouse.analysis.figures.rdm_map import rdm_map
from alignhouse.analysis.figures.rdms import rdm_pictures
from alignhouse.analysis.figures.save import write_figure

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


def test_a_picture_is_in_the_order_that_is_given() -> None:
    rdm = np.random.default_rng(0).random(10)
    order = np.array([3, 0, 4, 1, 2])
    cells = picture(rdm, order=order).drop_nulls().select("row", "column", "percentile").iter_rows()
    square = squareform(rankdata(rdm) / 10)
    found = {(row, column): value for row, column, value in cells}
    assert len(found) == 20
    assert all(
        value == pytest.approx(square[order[row], order[column]]) for (row, column), value in found.items()
    )


LONG = "a_network_with_a_rather_long_name_of_its_own"


def pictures(n_stimuli: int = 5, regions: int = 2, layers: int = 2) -> pl.DataFrame:
    """Regions R0, R1, ...; the first layer is best for R0 and the last regions, others for a region each."""
    names = [f"R{number}" for number in range(regions)]
    of_layers = [[names[number]] for number in range(layers)]
    of_layers[0] += names[layers:]
    panels = [(0, name, None, [name]) for name in names]
    panels += [(1, LONG, f"layer4.{number}", rois) for number, rois in enumerate(of_layers)]
    frames = []
    for seed, (panel, name, layer, rois) in enumerate(panels):
        rdm = np.random.default_rng(seed).random(n_stimuli * (n_stimuli - 1) // 2)
        frames.append(
            picture(rdm).with_columns(
                *(pl.lit(value).alias(key) for key, value in SCOPE.items()),
                panel=pl.lit(panel),
                name=pl.lit(name),
                layer=pl.lit(layer, pl.String),
                rois=pl.lit(rois, pl.List(pl.String)),
                roi=pl.lit(rois[0]),
                roi_group=pl.lit("early"),
                roi_order=pl.lit(names.index(rois[0])),
                model=pl.lit(LONG),
                n_subjects=pl.lit(3),
            )
        )
    return pl.concat(frames)


def conditions(n: int = 5, *, categories: bool = False, seen: Sequence[int] = ()) -> pl.DataFrame:
    """Conditions c0, c1, ...; those of `seen` have a thumbnail in a grey of their own."""
    grey = {place: np.full((9, 9, 3), place, np.uint8) for place in seen}
    return pl.DataFrame(
        {
            "place": range(n),
            "stimulus": [f"c{place}" for place in range(n)],
            "category": pl.Series(
                ["animals" if place < 3 else "tools" for place in range(n)] if categories else [None] * n,
                dtype=pl.String,
            ),
            "order_words": ["ordered by magic"] * n,
            "is_labelled": [place in every_few(n) for place in range(n)],
            "thumbnail": pl.Series(
                [thumbnail(grey[place]) if place in grey else None for place in range(n)], dtype=pl.Binary
            ),
        }
    )


def titles(plot: Any) -> list[str]:
    return [title.strip("\n") for title in plot.data["title"].dtype.categories]


def scale_of(plot: Any, aesthetic: str) -> Any:
    return next(each for each in plot.scales if aesthetic in each.aesthetics)


@pytest.mark.parametrize("width", [3.5, 7.2])
def test_each_region_and_each_layer_is_shown_once(width: float, said: Said, tmp_path: Any) -> None:
    frame = pictures(regions=3, layers=2)
    plot: Any = rdm_pictures(frame, conditions(), protocol="sound", width=width)
    shown = titles(plot)
    empty = ["\N{UNIT SEPARATOR}0"] if width < 4 else []  # layers begin on a new row
    assert shown[: 3 + len(empty)] == ["R0", "R1", "R2", *empty]
    layers = shown[3 + len(empty) :]
    assert ["".join(title.split()) for title in layers] == [
        f"{LONG},layer4.0bestforR0,R2",
        f"{LONG},layer4.1bestforR1",
    ]
    assert max(len(line) for title in layers for line in title.split("\n")) <= (26 if width < 4 else 38)
    keys = ["panel", "name", "layer", "row", "column", "percentile"]
    assert plot.data.select(keys).sort(keys).equals(frame.select(keys).sort(keys))
    # No two pictures have the same values.
    values = plot.data.sort("row", "column").group_by("title").agg("percentile")
    assert values["percentile"].n_unique() == values.height == 5
    assert "5 × 5 stimuli, rows and columns of all RDMs ordered by magic;" in said(plot)
    assert "Labels: stimuli." in said(plot)
    assert "random weights" in said(plot)
    write_figure(plot, tmp_path / "rdms.png", dpi=40)
    assert (tmp_path / "rdms.png").stat().st_size > 0


def test_a_region_and_its_layer_are_side_by_side() -> None:
    plot: Any = rdm_pictures(pictures(regions=1, layers=1), conditions(), protocol="sound", width=7.2)
    assert plot.facet._ncol == 2
    assert titles(plot) == ["R0", f"{LONG},\nlayer4.0\nbest for R0"]


def test_names_of_at_most_twelve_stimuli_stand_at_their_rows() -> None:
    scale = scale_of(rdm_pictures(pictures(30), conditions(30), protocol="sound"), "y")
    assert scale.breaks == [1, 4, 7, 10, 13, 16, 19, 22, 25, 28]
    assert scale.labels == [f"c{place:g}" for place in scale.breaks]


def test_categories_have_their_names_and_are_separated(drawn: Drawn, said: Said) -> None:
    plot: Any = rdm_pictures(pictures(), conditions(categories=True), protocol="sound")
    scale = scale_of(plot, "y")
    assert (scale.breaks, scale.labels) == ([1, 3.5], ["animals", "tools"])
    (lines,) = drawn(plot, "geom_segment")
    in_a_picture = [(-0.5, 4.5, 2.5, 2.5), (2.5, 2.5, -0.5, 4.5)]
    assert lines.select("column", "column_end", "row", "row_end").rows() == in_a_picture * 4
    assert "White lines separate categories." in said(plot)


def test_thumbnails_are_beside_their_rows_and_below_their_columns(
    drawn: Drawn, said: Said, tmp_path: Any
) -> None:
    seen = [place for place in every_few(30) if place != 7]
    plot: Any = rdm_pictures(pictures(30), conditions(30, seen=seen), protocol="sound")
    (places,) = drawn(plot, "GeomPictures")
    (layer,) = [each for each in plot.layers if type(each.geom).__name__ == "GeomPictures"]
    images = layer.geom.params["pictures"]
    assert places["title"].unique().len() == 4
    of_one = places.filter(title=places["title"][0])
    assert of_one.height == 2 * len(seen)
    for column, row, number in of_one.select("column", "row", "picture").iter_rows():
        stimulus = int(images[number][0, 0, 0])
        along = row if column < -0.5 else column
        assert abs(along - stimulus) <= 0.5
        assert (column == pytest.approx(-0.5 - 1.5)) != (row == pytest.approx(29.5 + 1.5))
    # Pictures neither overlap nor leave the picture of the RDM.
    along = of_one.filter(pl.col("column") > -0.5)["column"].sort().to_numpy()
    side = layer.geom.params["side"]
    assert np.diff(along).min() >= side
    assert (along.min() - side / 2, along.max() + side / 2) >= (-0.5, 0)
    assert along.max() + side / 2 <= 29.5
    assert scale_of(plot, "y").breaks == []
    assert "9 of 30 stimuli are shown" in said(plot)
    assert "1 more would be shown, but have no file in the folder." in said(plot)
    write_figure(plot, tmp_path / "rdms.svg")
    assert (tmp_path / "rdms.svg").stat().st_size > 0


def test_the_pixels_of_a_thumbnail_are_drawn_where_it_belongs(tmp_path: Any) -> None:
    """The first stimulus is black and the last white: black on top and on the left, white below and right."""
    stimuli = conditions(2, seen=[0, 1]).with_columns(
        thumbnail=pl.Series([thumbnail(np.full((9, 9, 3), grey, np.uint8)) for grey in (0, 200)])
    )
    plot: Any = rdm_pictures(pictures(2, regions=1, layers=1), stimuli, protocol="sound")
    with drawing(plot, dpi=60) as picture_of_it:
        axes = picture_of_it._figure.axes[0]
        shown = {
            tuple(round(each, 2) for each in image.get_extent()): int(image.get_array()[0, 0, 0])
            for image in axes.images[1:]
        }
    left = sorted((extent[2], grey) for extent, grey in shown.items() if extent[0] < -0.6)
    below = sorted((extent[0], grey) for extent, grey in shown.items() if extent[0] > -0.6)
    assert [grey for _, grey in left] == [200, 0]  # from below
    assert [grey for _, grey in below] == [0, 200]


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
    write_figure(plot, tmp_path / "map.svg")
    assert (tmp_path / "map.svg").stat().st_size > 0
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
