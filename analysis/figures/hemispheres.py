"""Best layers in the left and the right part of each region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.by_region import (
    SPREAD,
    ceiling_bands,
    ceiling_note,
    cells,
    median_layers,
    network_layers,
    panels,
    placed,
    zero_line,
)
from alignhouse.analysis.figures.frames import need_columns, ordered_regions, rows_to_draw, with_group
from alignhouse.analysis.figures.labels import group_styles
from alignhouse.analysis.figures.score_names import AXIS
from alignhouse.analysis.figures.theme import WIDTH, dressed, no_rows

if TYPE_CHECKING:
    from plotnine import ggplot

MOST_JOINED = 30  # with more networks, no lines join the two sides


def hemispheres(
    hemispheres: pl.DataFrame, *, protocol: str, source: str = "", width: float = WIDTH, score: str = AXIS
) -> ggplot:
    """One panel per region group: in each region the networks' best layers on the left and on the right.

    Parameters
    ----------
    hemispheres : one row per network, region and hemisphere ("left", "right"): protocol, dataset, split,
        model, roi (without its side), roi_group, roi_order, rho, p_value, group_median, lower, upper and
        is_reliable (noise ceiling of that side, may be null), n_subjects, remark.
    source : data set and split, shown if there are no rows. width : inches.
    score : name of the scores on the axis.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    from plotnine import aes, labs

    what = "Left and right hemisphere"
    rows = rows_to_draw(hemispheres, "hemispheres", protocol, values=["rho"])
    if rows.frame.is_empty():
        why = "no region was scored separately left and right (brain.regions = hemispheres)"
        return no_rows(what, protocol=protocol, remark=rows.remark, source=source, why=why, width=width)
    need_columns(
        hemispheres, "hemispheres", ["model", "hemisphere", "group_median", "lower", "upper", "is_reliable"]
    )
    regions = ordered_regions(rows.frame)
    grouped = with_group(rows.frame, "hemispheres", "hemisphere")
    styles = group_styles(grouped["group"].unique())
    points = placed(grouped, regions, list(styles))
    of_cells = cells(points)
    bounds = _bounds(points)
    plot, body = panels(
        points,
        [
            *ceiling_bands(bounds, aes(xmin="left", xmax="right", ymin="lower", ymax="upper")),
            zero_line(),
            *_joined(points),
            *median_layers(of_cells),
            *network_layers(points),
        ],
        regions,
        styles,
        width=width,
        counts={},
    )
    notes = [rows.counts, "A point is a network, hollow where p of its best layer is not below 0.05."]
    notes.append("Bar: median. " + ("Lines join a network's two sides." if _joined(points) else ""))
    notes.append(ceiling_note(bounds, "noise ceiling of each side"))
    return dressed(
        plot + labs(x="", y=f"{score}, mean over subjects"),
        body,
        what,
        styles=styles,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=rows.remark,
        notes=[note.strip() for note in notes],
        left_out=rows.left_out,
    )


def _bounds(points: pl.DataFrame) -> pl.DataFrame:
    """A row per region and side that has a noise ceiling, with its left and right edge."""
    half = SPREAD / points["group"].n_unique() * 0.46
    return (
        points.unique(["roi", "group"], maintain_order=True)
        .drop_nulls(["lower", "upper"])
        .with_columns(left=pl.col("centre") - half, right=pl.col("centre") + half)
        .sort("x", "group")
    )


def _joined(points: pl.DataFrame) -> list[Any]:
    import plotnine as p9

    if points["model"].n_unique() > MOST_JOINED:
        return []
    pairs = points.with_columns(pair=pl.concat_str("roi", "model", separator="|")).sort("pair", "group")
    return [p9.geom_path(p9.aes(group="pair"), data=pairs, color="#A8A8A8", size=0.25)]
