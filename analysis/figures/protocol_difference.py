"""How much higher networks score under one protocol than under another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from alignhouse.analysis.figures.by_region import (
    cells,
    median_layers,
    network_layers,
    panels,
    placed,
    zero_line,
)
from alignhouse.analysis.figures.frames import need_columns, ordered_regions, rows_to_draw, with_group
from alignhouse.analysis.figures.labels import group_styles, heading
from alignhouse.analysis.figures.score_names import AXIS
from alignhouse.analysis.figures.theme import WIDTH, dressed, no_rows

if TYPE_CHECKING:
    from plotnine import ggplot


def protocol_difference(
    protocol_difference: pl.DataFrame,
    *,
    protocol: str,
    other: str | None,
    group_by: str = "model_type",
    source: str = "",
    width: float = WIDTH,
    score: str = AXIS,
) -> ggplot:
    """One panel per region group: in each region, a point per network shows the difference in rho.

    Parameters
    ----------
    protocol_difference : one row per network and region: protocol, dataset, split, model,
        roi, roi_group, roi_order, difference, group_median, same_layers (the share of all rows with
        the same best layer under both), n_subjects, remark and the column `group_by`.
    other : the other protocol; None if there is none.
    source : data set and split, shown if there are no rows. width : inches.
    score : name of the scores on the axis.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = f"How much higher networks score under {protocol} than under {other or 'another protocol'}"
    rows = rows_to_draw(protocol_difference, "protocol_difference", protocol, values=["difference"])
    if rows.frame.is_empty():
        why = (
            f"no network was scored under both {protocol} and {other}"
            if other
            else "there is one protocol only"
        )
        return no_rows(what, remark=rows.remark, source=source, why=why, width=width)
    need_columns(protocol_difference, "protocol_difference", ["model", "group_median", "same_layers"])
    regions = ordered_regions(rows.frame)
    grouped = with_group(rows.frame, "protocol_difference", group_by)
    styles = group_styles(grouped["group"].unique())
    points = placed(grouped, regions, list(styles), value="difference")
    plot, body = panels(
        points,
        [
            zero_line(),
            *median_layers(cells(points, value="difference")),
            *network_layers(points, hollow=False),
        ],
        regions,
        styles,
        value="difference",
        width=width,
    )
    notes = [rows.counts, f"A point is a network, coloured by {heading(group_by)}; bar: median of a group."]
    notes.append(_agreement(rows.frame))
    from plotnine import labs

    return dressed(
        plot + labs(x="", y=f"{score}, {protocol} minus {other}"),
        body,
        what,
        styles=styles,
        width=width,
        source=rows.source,
        remark=rows.remark,
        notes=notes,
        left_out=rows.left_out,
    )


def _agreement(rows: pl.DataFrame) -> str:
    """How often both protocols choose the same layer, and whether all their scores are equal."""
    if (rows["difference"] == 0).all():
        return "Every score is the same under both protocols."
    same = 100 * float(rows["same_layers"][0])
    return f"In {same:.0f} % of the points, both protocols have the same best layer."
