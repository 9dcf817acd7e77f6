"""The variance of voxels that is unique to networks, unique to control models, and shared by both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from alignhouse.analysis.figures.by_region import (
    cells,
    interval_layers,
    interval_note,
    median_layers,
    network_layers,
    panels,
    placed,
    zero_line,
)
from alignhouse.analysis.figures.frames import listed, need_columns, ordered_regions, rows_to_draw
from alignhouse.analysis.figures.labels import group_styles
from alignhouse.analysis.figures.theme import WIDTH, dressed, no_rows
from alignhouse.analysis.figures.voxel_scores import in_one_unit, without_ceilings_note

if TYPE_CHECKING:
    from plotnine import ggplot

# Part -> its name, in the order of the legend.
PARTS = {
    "unique_network": "unique to the network",
    "unique_controls": "unique to the controls",
    "shared": "shared",
}
WEIGHTS = {
    "region": "Voxels of a region of a subject share the weights of the joint model.",
    "voxel": "Each voxel has its own weights of the joint model.",
}


def partition_by_region(
    variance_partition: pl.DataFrame, *, protocol: str, source: str = "", width: float = WIDTH
) -> ggplot:
    """One panel per region group: in each region three parts, each with a point per network.

    Parameters
    ----------
    variance_partition : one row per network, region and part ("unique_network", "unique_controls", "shared"):
        protocol, dataset, split, model, roi, roi_group, roi_order, part, share, lower, upper (null without
        an interval), level, resampled, part_median, is_normalised, controls, n_controls, weights_per,
        n_subjects, remark. If shares of some regions are not normalised, these are left out.
    source : data set and split, shown if there are no rows. width : inches.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = "Variance partitioning"
    rows = rows_to_draw(variance_partition, "variance_partition", protocol, values=["share"])
    if rows.frame.is_empty():
        why = "no variance was partitioned (it needs [encoding] voxels = true, and [controls])"
        return no_rows(what, protocol=protocol, remark=rows.remark, source=source, why=why, width=width)
    columns = ["model", "part", "lower", "upper", "level", "resampled", "part_median", "is_normalised"]
    need_columns(rows.frame, "variance_partition", [*columns, "controls", "n_controls", "weights_per"])
    shown, left_out = in_one_unit(rows.frame)
    regions = ordered_regions(shown)
    # In the order of the legend, not of their names.
    styles = dict(zip(PARTS.values(), group_styles(PARTS.values()).values(), strict=True))
    grouped = shown.with_columns(
        pl.col("lower", "upper").cast(pl.Float64),
        group=pl.col("part").cast(pl.String).replace_strict(PARTS, return_dtype=pl.String),
        group_median=pl.col("part_median"),
    )
    points = placed(grouped, regions, list(styles), value="share")
    plot, body = panels(
        points,
        [
            zero_line(),
            *median_layers(cells(points, value="share")),
            *interval_layers(points),
            *network_layers(points, hollow=False),
        ],
        regions,
        styles,
        value="share",
        width=width,
        counts={},
    )
    is_normalised = bool(shown["is_normalised"].all())
    from plotnine import labs

    return dressed(
        plot + labs(x="", y="share of explainable variance" if is_normalised else "share of variance"),
        body,
        what,
        styles=styles,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=rows.remark,
        notes=[*_notes(points, rows.counts), *filter(None, [without_ceilings_note(left_out)])],
        left_out=rows.left_out,
    )


def _notes(points: pl.DataFrame, counts: str) -> list[str]:
    names = str(points["controls"][0]).split(", ")
    notes = [counts, f"A point is the best layer of a network; the controls are {listed(names)}."]
    if points["model"].n_unique() > 1:
        notes.append("Bar: median of the networks.")
    intervals = interval_note(points, "variance_partition")
    if intervals.startswith("Line"):
        intervals = f"{intervals[:-1]}; the shared part has none."
    return [
        *notes,
        intervals,
        "Below 0, the joint model predicts worse than one set alone.",
        *(WEIGHTS[each] for each in points["weights_per"].unique().sort().to_list()),
    ]
