"""A map of RDMs: regions and layers of a few networks; similar RDMs lie close together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.frames import how_many, need_columns, rows_to_draw, subjects_in_words
from alignhouse.analysis.figures.label_places import Box, label_places
from alignhouse.analysis.figures.labels import Style, group_styles, plain
from alignhouse.analysis.figures.theme import (
    NAME_LETTER,
    POINTS,
    WIDTH,
    dressed,
    group_scales,
    house_theme,
    no_rows,
)

if TYPE_CHECKING:
    from plotnine import ggplot

SIZE = 7.0  # points of the names of regions
MARGIN = 0.06  # of the map's width, around its points
GAP = 0.065  # inches from a point to its name
FAR = 1.7  # at a larger distance, in gaps, a line connects a point with its name
REGION_COLOUR = "#111111"


def rdm_map(rdm_map: pl.DataFrame, *, protocol: str, source: str = "", width: float = WIDTH) -> ggplot:
    """Regions as labelled squares, and a network's layers as a line with a large mark at the last layer.

    Parameters
    ----------
    rdm_map : one row per point, of `rdm_frames.map_frames`: protocol, dataset, split, kind, name,
        model, layer_index, n_layers, x, y, share_x, share_y, n_subjects, remark.
    source : data set and split, shown if there are no rows. width : inches.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = "Map of RDMs"
    filled = (
        rdm_map.with_columns(roi=pl.col("name"), roi_order=pl.lit(0)) if not rdm_map.is_empty() else rdm_map
    )
    rows = rows_to_draw(filled, "rdm_map", protocol, values=["x", "y"])
    if rows.frame.is_empty():
        return no_rows(what, protocol=protocol, remark=rows.remark, source=source, width=width)
    need_columns(
        rdm_map, "rdm_map", ["kind", "name", "model", "layer_index", "n_layers", "share_x", "share_y"]
    )
    regions = rows.frame.filter(pl.col("kind") == "region").drop("model")
    layers = rows.frame.filter(pl.col("kind") == "layer")
    styles = group_styles(layers["model"].unique())
    layers = layers.with_columns(group=pl.col("model").cast(pl.String).cast(pl.Enum(list(styles)))).sort(
        "group", "layer_index"
    )
    counts = dict(layers.group_by("group").len().iter_rows())
    plot, body = _plot(rows.frame, regions, layers, styles, counts, width)
    shares = [100 * float(rows.frame[name][0]) for name in ("share_x", "share_y")]
    return dressed(
        plot,
        body,
        what,
        styles=styles or None,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=rows.remark,
        notes=[
            _counts(regions, layers),
            "Squares: regions (mean over subjects of ranked RDMs). Lines: a network's layers, first (hollow) "
            "to last (large), their number in brackets." + _unordered(layers),
            "Distance: 1 − Spearman rho of two RDMs, in two dimensions by classical scaling "
            f"({shares[0]:.0f} % and {shares[1]:.0f} % of the eigenvalues).",
        ],
        left_out=rows.left_out,
    )


def _counts(regions: pl.DataFrame, layers: pl.DataFrame) -> str:
    words = [how_many(regions.height, "region"), how_many(layers["model"].n_unique(), "network")]
    return ", ".join([*words, subjects_in_words(regions)]).removesuffix(", ") + "."


def _unordered(layers: pl.DataFrame) -> str:
    n = layers.filter(pl.col("layer_index").is_null())["model"].n_unique()
    return f" No line: the order of layers is not known ({how_many(n, 'network')})." if n else ""


def _plot(
    points: pl.DataFrame,
    regions: pl.DataFrame,
    layers: pl.DataFrame,
    styles: dict[str, Style],
    counts: dict[str, int],
    width: float,
) -> tuple[ggplot, float]:
    import plotnine as p9

    xs, ys = points["x"].to_numpy(), points["y"].to_numpy()
    span_x = float(xs.max() - xs.min()) or 1.0
    span_y = float(ys.max() - ys.min()) or span_x * 0.5
    inches = (width - 0.9) / (span_x * (1 + 2 * MARGIN))  # that a unit of the map takes
    tall = span_y * (1 + 2 * MARGIN) * inches
    names = _named(points, regions, span_x, span_y, inches)
    ends = layers.filter(pl.col("layer_index") == pl.col("n_layers") - 1)
    paths = layers.filter((pl.col("n_layers") > 1) & pl.col("layer_index").is_not_null())
    starts = layers.filter((pl.col("layer_index") == 0) & (pl.col("n_layers") > 1))
    drawn: list[Any] = []
    if not layers.is_empty():
        look = p9.aes(color="group", group="group")
        drawn += [
            *([p9.geom_path(look, data=paths, size=0.5, alpha=0.7)] if not paths.is_empty() else []),
            p9.geom_point(
                p9.aes(color="group", shape="group", fill="group"), data=layers, size=1.1, stroke=0.2
            ),
            p9.geom_point(
                p9.aes(color="group", shape="group"), data=starts, size=2.0, stroke=0.5, fill="white"
            ),
            p9.geom_point(
                p9.aes(color="group", shape="group", fill="group"), data=ends, size=3.0, stroke=0.2
            ),
        ]
    x_edges = (float(xs.min()) - MARGIN * span_x, float(xs.max()) + MARGIN * span_x)
    y_edges = (float(ys.min()) - MARGIN * span_y, float(ys.max()) + MARGIN * span_y)
    plot = p9.ggplot(points, p9.aes(x="x", y="y"))
    plot += [
        house_theme(),
        *drawn,
        p9.geom_point(data=regions, shape="s", size=1.6, color=REGION_COLOUR, fill=REGION_COLOUR),
        p9.geom_segment(
            p9.aes(xend="end_x", yend="end_y"), data=names.filter("is_far"), size=0.3, color="#777777"
        ),
        p9.geom_text(
            p9.aes(x="label_x", y="label_y", label="label"),
            data=names,
            size=SIZE,
            color=REGION_COLOUR,
            fontweight="bold",
        ),
        p9.coord_fixed(xlim=x_edges, ylim=y_edges, expand=False),
        p9.labs(x="first dimension", y="second dimension"),
        *(group_scales(styles, counts, ["color", "shape", "fill"], width) if styles else []),
        p9.theme(panel_grid_major_x=p9.element_line(color="#E4E4E4", size=0.5)),
    ]
    return plot, 0.6 + tall


def _named(
    points: pl.DataFrame, regions: pl.DataFrame, span_x: float, span_y: float, inches: float
) -> pl.DataFrame:
    """Add `label`, `label_x`, `label_y` to the regions, placed with the least overlap.

    If `is_far`, a line connects the point with `end_x`, `end_y` of its label.
    """
    sizes = [
        ((len(name) * SIZE * NAME_LETTER / POINTS) / inches, SIZE * 1.15 / POINTS / inches)
        for name in regions["name"]
    ]
    middle = [float(points[axis].to_numpy().min() + points[axis].to_numpy().max()) / 2 for axis in "xy"]
    room = Box(middle[0], middle[1], span_x * (1 + 2 * MARGIN), span_y * (1 + 2 * MARGIN))
    places = label_places(
        list(regions.select("x", "y").iter_rows()),
        sizes,
        list(points.select("x", "y").iter_rows()),
        room=room,
        gap=GAP / inches,
    )
    points_and_boxes = zip(
        regions.select("x", "y").iter_rows(),
        (Box(*place, *size) for place, size in zip(places, sizes, strict=True)),
        strict=True,
    )
    ends = [box.nearest(x, y) for (x, y), box in points_and_boxes]
    return regions.with_columns(
        end_x=pl.Series([x for x, _ in ends], dtype=pl.Float64),
        end_y=pl.Series([y for _, y in ends], dtype=pl.Float64),
    ).with_columns(
        is_far=((pl.col("end_x") - pl.col("x")) ** 2 + (pl.col("end_y") - pl.col("y")) ** 2).sqrt() * inches
        > FAR * GAP,
        label=pl.Series(map(plain, regions["name"]), dtype=pl.String),
        label_x=pl.Series([x for x, _ in places], dtype=pl.Float64),
        label_y=pl.Series([y for _, y in places], dtype=pl.Float64),
    )
