"""The best layer of every network in every region, by group of networks, against the noise ceiling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from analysis.figures.frames import (
    joined_remarks,
    need_columns,
    ordered_regions,
    rows_to_draw,
    with_group,
)
from analysis.figures.labels import Style, group_styles, heading, plain
from analysis.figures.theme import WIDTH, group_scales, house_theme, legend_height, no_rows, texts
from warehouse.errors import BadInput

if TYPE_CHECKING:
    from plotnine import element_text, ggplot

AESTHETICS = ("color", "shape", "fill")  # that tell groups apart
FEWEST_FOR_A_BOX = 3  # two points are their own quartiles
SPREAD = 0.8  # share of a region's width that its groups take
BAND = 0.46  # half the width of a region's noise ceiling, in regions
MOST_REGIONS_ABREAST = 7
CROWD = 12  # networks in a group from which on points are small and pale
LETTER = 0.075  # inches that a letter of a region's name takes, with its share of the gap


def best_layer_by_group(
    best_layer: pl.DataFrame,
    noise_ceiling: pl.DataFrame,
    *,
    protocol: str,
    group_by: str = "model_type",
) -> ggplot:
    """One panel per region group: in each region a point per network, beside the others of its group.

    A group of at least FEWEST_FOR_A_BOX networks has a box (quartiles; whiskers to 1.5 times their distance).
    The band reaches from the lower to the upper noise ceiling of the region.

    Parameters
    ----------
    best_layer : one row per network and region: protocol, dataset, split, model, roi, roi_group, roi_order,
        rho, remark and the column `group_by`.
    noise_ceiling : one row per region: protocol, dataset, split, roi, roi_group, roi_order, lower, upper,
        remark; may be empty, its bounds may be null.
    group_by : the column that says which group a network belongs to.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = f"Best layer by {heading(group_by)}"
    rows = rows_to_draw(best_layer, "best_layer", protocol, values=["rho"])
    ceilings = rows_to_draw(noise_ceiling, "noise_ceiling", protocol, values=[])
    remark = joined_remarks([rows.remark, ceilings.remark])
    if rows.frame.is_empty():
        return no_rows(what, protocol=protocol, remark=remark, left_out=rows.left_out)
    need_columns(best_layer, "best_layer", ["model"])
    if ceilings.source not in ("", rows.source):
        raise BadInput(
            "noise_ceiling", expected=rows.source, found=ceilings.source, hint="filter the frame first"
        )

    regions = ordered_regions(rows.frame)
    grouped = with_group(rows.frame, "best_layer", group_by)
    styles = group_styles(grouped["group"].unique())
    points = _points(grouped, regions, list(styles))
    bounds = _bounds(ceilings.frame, regions)
    notes = [f"A point is a network; groups of {FEWEST_FOR_A_BOX} or more have a box."]
    if not bounds.is_empty():
        notes.append("Grey: noise ceiling, from lower to upper.")
    return _plot(points, bounds, regions, styles) + texts(
        what, protocol=protocol, source=rows.source, remark=remark, notes=notes, left_out=rows.left_out
    )


def _points(grouped: pl.DataFrame, regions: pl.DataFrame, groups: list[str]) -> pl.DataFrame:
    """A row per network and region, with `centre` (of its group) and `at` (its own): places on the x axis."""
    place = pl.col("group").cast(pl.Enum(groups)).to_physical().cast(pl.Int64)
    width = SPREAD / len(groups)
    points = (
        grouped.select(pl.col("model").cast(pl.String), "group", pl.col("roi").cast(pl.String), "rho")
        .join(regions, on="roi")
        .with_columns(
            pl.col("group").cast(pl.Enum(groups)),
            centre=pl.col("x") + (place - (len(groups) - 1) / 2) * width,
            in_cell=pl.len().over("roi", "group"),
        )
        .sort("x", "group", "rho", "model")
        .with_columns(nth=pl.int_range(1, pl.len() + 1).over("roi", "group"))
    )
    offsets = [(_scatter(nth) - 0.5) * width * 0.7 for nth in points["nth"]]
    return points.with_columns(at=pl.col("centre") + pl.Series(offsets, dtype=pl.Float64))


def _scatter(nth: int) -> float:
    """The nth number, from 1, of van der Corput's sequence in (0, 1): points near in rank fall far apart."""
    value, step = 0.0, 0.5
    while nth:
        value += step * (nth & 1)
        nth, step = nth >> 1, step / 2
    return value


def _bounds(ceilings: pl.DataFrame, regions: pl.DataFrame) -> pl.DataFrame:
    """A row per drawn region with `lower`, `upper` and the band's `left` and `right` edge."""
    if ceilings.is_empty():
        return pl.DataFrame()
    need_columns(ceilings, "noise_ceiling", ["lower", "upper"])
    return (
        ceilings.select(pl.col("roi").cast(pl.String), pl.col("lower", "upper").cast(pl.Float64))
        .filter(pl.any_horizontal(pl.col("lower", "upper").is_not_null()))
        .join(regions, on="roi")
        .with_columns(left=pl.col("x") - BAND, right=pl.col("x") + BAND)
        .sort("x")
    )


def _plot(
    points: pl.DataFrame, bounds: pl.DataFrame, regions: pl.DataFrame, styles: dict[str, Style]
) -> ggplot:
    import plotnine as p9

    n_panels = regions["roi_group"].n_unique()
    n_columns = min(2, n_panels) if int(regions["slot"].to_numpy().max()) < MOST_REGIONS_ABREAST else 1
    counts = dict(points.group_by("group").agg(pl.col("model").n_unique()).iter_rows())
    edges = pl.concat([regions.with_columns(pl.col("x") + side) for side in (-0.5, 0.5)])
    return (
        p9.ggplot(points, p9.aes(x="at", y="rho"))
        + p9.geom_blank(p9.aes(x="x"), data=edges.with_columns(rho=0.0))
        + _ceilings(bounds)
        + p9.geom_hline(yintercept=0, color="#666666", size=0.4)
        + _networks(points, box_width=SPREAD / len(styles) * 0.9)
        + p9.facet_wrap("roi_group", ncol=n_columns, scales="free_x")
        + p9.scale_x_continuous(
            breaks=regions["x"].to_list(), labels=[plain(roi) for roi in regions["roi"]], expand=(0, 0.05)
        )
        + group_scales(styles, counts, AESTHETICS)
        + p9.labs(x="", y="Spearman rho, mean over subjects")
        + house_theme(1.0 + 2.3 * -(-n_panels // n_columns) + legend_height(styles))
        + p9.theme(axis_text_x=_region_text(regions, n_columns), panel_spacing_y=0.02)
    )


def _ceilings(bounds: pl.DataFrame) -> list[Any]:
    """The band between the two bounds, and a line at each; a region with one bound only has its line."""
    import plotnine as p9

    layers: list[Any] = []
    both = bounds.drop_nulls(["lower", "upper"]) if not bounds.is_empty() else bounds
    if not both.is_empty():
        band = p9.aes(xmin="left", xmax="right", ymin="lower", ymax="upper")
        layers.append(p9.geom_rect(band, data=both, inherit_aes=False, fill="#DADADA"))
    for bound in ("lower", "upper") if not bounds.is_empty() else ():
        known = bounds.drop_nulls(bound)
        line = p9.aes(x="left", xend="right", y=bound, yend=bound)
        if not known.is_empty():
            layers.append(p9.geom_segment(line, data=known, inherit_aes=False, color="#8C8C8C", size=0.4))
    return layers


def _networks(points: pl.DataFrame, *, box_width: float) -> list[Any]:
    """A point per network, small and pale in a crowd, and the boxes of the groups that are large enough."""
    import plotnine as p9

    size, alpha = (1.5, 0.9) if int(points["in_cell"].to_numpy().max()) <= CROWD else (0.8, 0.55)
    look = p9.aes(color="group", shape="group", fill="group")
    layers: list[Any] = [p9.geom_point(look, size=size, alpha=alpha, stroke=0.2)]
    boxed = points.filter(pl.col("in_cell") >= FEWEST_FOR_A_BOX)
    if not boxed.is_empty():
        cell = pl.concat_str("roi", pl.col("group").cast(pl.String), separator="|")
        layers.append(
            p9.geom_boxplot(
                p9.aes(x="centre", group="cell"),
                data=boxed.with_columns(cell=cell),
                position="identity",
                width=box_width,
                outlier_shape="",
                fill="none",
                color="#222222",
                size=0.4,
            )
        )
    return layers


def _region_text(regions: pl.DataFrame, n_columns: int) -> element_text:
    from plotnine import element_text

    room = (WIDTH - 0.8) / n_columns
    needed = (
        regions.select((pl.col("roi").str.len_chars().max() * pl.len()).over("roi_group").max()).item()
        * LETTER
    )
    return element_text(rotation=35, ha="right") if needed > room else element_text()
