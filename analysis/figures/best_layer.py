"""The best layer of every network in every region, by group of networks, against the noise ceiling."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.by_region import (
    ALPHA,
    MOST_GROUPS_OF_STARS,
    STAR_GAP,
    STAR_LINE,
    STAR_SIZE,
    ceiling_layers,
    ceiling_note,
    ceiling_rows,
    cells,
    group_room,
    median_layers,
    network_layers,
    panels,
    placed,
    region_bounds,
    star_layers,
    starred,
    stars,
    zero_line,
)
from alignhouse.analysis.figures.frames import (
    joined_remarks,
    need_columns,
    ordered_regions,
    protocols_drawn,
    rows_to_draw,
    with_group,
)
from alignhouse.analysis.figures.labels import group_label, group_styles, heading
from alignhouse.analysis.figures.score_names import AXIS
from alignhouse.analysis.figures.theme import WIDTH, dressed, no_rows

if TYPE_CHECKING:
    from plotnine import ggplot

MOST_GROUPS_OF_BRACKETS = 4  # five groups have ten pairs in each region
# Shares of the height of a panel: from one bracket to the next, and the length of its feet.
BRACKET_STEP, BRACKET_FOOT = 0.075, 0.015


def best_layer_by_group(
    best_layer: pl.DataFrame,
    noise_ceiling: pl.DataFrame,
    group_pairs: pl.DataFrame | None = None,
    *,
    protocol: str,
    group_by: str = "model_type",
    source: str = "",
    width: float = WIDTH,
    score: str = AXIS,
) -> ggplot:
    """One panel per region group: in each region a point per network, beside the others of its group.

    A point is hollow if the p of that network is not below .05. A bar shows the median of a group, and stars
    above it the p of that median. Brackets show the adjusted p of the difference of two groups. The band
    reaches from the lower to the upper noise ceiling of the region.

    Parameters
    ----------
    best_layer : one row per network and region: protocol, dataset, split, model, roi, roi_group, roi_order,
        rho, n_subjects, remark and the column `group_by`. The columns group_median, group_p and p_value are
        optional; they add bars, stars and hollow points.
    noise_ceiling : one row per region: protocol, dataset, split, roi, roi_group, roi_order, lower, upper,
        is_reliable, remark; may be empty, its bounds and is_reliable may be null.
    group_pairs : one row per pair of groups in a region: roi, group_a, group_b, p_adjusted.
    group_by : the column with the group of a network; "protocol" draws all protocols.
    source : data set and split, shown if there are no rows. width : inches.
    score : name of the scores on the axis.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = f"Best layer by {heading(group_by)}"
    asked, told = protocols_drawn(group_by, protocol)
    rows = rows_to_draw(best_layer, "best_layer", asked, values=["rho"])
    ceilings = ceiling_rows(noise_ceiling, protocol, rows.source)
    remark = joined_remarks([rows.remark, ceilings.remark])
    if rows.frame.is_empty():
        return no_rows(what, protocol=told, remark=remark, source=source, left_out=rows.left_out, width=width)
    need_columns(best_layer, "best_layer", ["model"])
    regions = ordered_regions(rows.frame)
    grouped = with_group(rows.frame, "best_layer", group_by)
    styles = group_styles(grouped["group"].unique())
    points = placed(grouped, regions, list(styles))
    bounds = region_bounds(ceilings.frame, regions)
    height = _height(points, bounds)
    of_cells = starred(cells(points), height, group_room(regions, len(styles), width))
    brackets = brackets_of(group_pairs, of_cells, height)
    plot, body = panels(
        points,
        [
            *ceiling_layers(bounds),
            zero_line(),
            *median_layers(of_cells),
            *network_layers(points),
            *star_layers(of_cells),
            *_bracket_layers(brackets),
        ],
        regions,
        styles,
        width=width,
    )
    notes = _notes(points, of_cells, group_pairs, rows.counts)
    grey = "noise ceiling, from lower to upper"
    notes.append(ceiling_note(bounds, grey, protocol if told != protocol else None))
    from plotnine import labs

    return dressed(
        plot + labs(x="", y=f"{score}, mean over subjects"),
        body,
        what,
        styles=styles,
        width=width,
        protocol=told,
        source=rows.source,
        remark=remark,
        notes=notes,
        left_out=rows.left_out,
    )


def brackets_of(group_pairs: pl.DataFrame | None, of_cells: pl.DataFrame, height: float) -> pl.DataFrame:
    """A row per bracket: roi_group, `left` and `right` end, `y`, `mark`, `tick` (its feet's length), `reach`.

    Only pairs with p_adjusted below ALPHA have a bracket. With too many groups there are none.
    """
    if (
        group_pairs is None
        or group_pairs.is_empty()
        or of_cells["group"].n_unique() > MOST_GROUPS_OF_BRACKETS
    ):
        return pl.DataFrame()
    need_columns(group_pairs, "group_pairs", ["roi", "group_a", "group_b", "p_adjusted"])
    found = {
        (row["roi"], frozenset((group_label(row["group_a"]), group_label(row["group_b"])))): row["p_adjusted"]
        for row in group_pairs.iter_rows(named=True)
    }
    rows: list[dict[str, Any]] = []
    for (roi,), of_region in of_cells.group_by("roi", maintain_order=True):
        top = float(of_region["reach"].to_numpy().max()) + (STAR_GAP + BRACKET_FOOT) * height
        ends = list(of_region.select("group", "centre").iter_rows())
        # Short brackets come first, so that long ones span them.
        for (a, left), (b, right) in sorted(
            combinations(ends, 2), key=lambda pair: (pair[1][1] - pair[0][1], pair[0][1])
        ):
            if mark := stars(found.get((roi, frozenset((a, b))))):
                rows.append(
                    {"roi": roi, "roi_group": of_region["roi_group"][0], "left": left, "right": right}
                    | {"y": top, "mark": mark, "tick": BRACKET_FOOT * height}
                    | {"reach": top + STAR_LINE * height}
                )
                top += BRACKET_STEP * height
    return (
        pl.DataFrame(rows).with_columns(pl.col("roi_group").cast(of_cells.schema["roi_group"]))
        if rows
        else pl.DataFrame()
    )


def _bracket_layers(brackets: pl.DataFrame) -> list[Any]:
    import plotnine as p9

    if brackets.is_empty():
        return []
    look = {"inherit_aes": False, "color": "#333333", "size": 0.4}
    drawn = brackets.with_columns(
        foot=pl.col("y") - pl.col("tick"), middle=(pl.col("left") + pl.col("right")) / 2
    )
    return [
        p9.geom_segment(p9.aes(x="left", xend="right", y="y", yend="y"), data=drawn, **look),
        p9.geom_segment(p9.aes(x="left", xend="left", y="y", yend="foot"), data=drawn, **look),
        p9.geom_segment(p9.aes(x="right", xend="right", y="y", yend="foot"), data=drawn, **look),
        p9.geom_text(
            p9.aes(x="middle", y="y", label="mark"),
            data=drawn,
            inherit_aes=False,
            size=STAR_SIZE,
            va="bottom",
            color="#111111",
        ),
        p9.geom_blank(p9.aes(x="middle", y="reach"), data=drawn, inherit_aes=False),
    ]


def _height(points: pl.DataFrame, bounds: pl.DataFrame) -> float:
    """The range of all values that are drawn."""
    values = [0.0, *points["rho"].to_list()]
    if not bounds.is_empty():
        values += bounds["lower"].drop_nulls().to_list() + bounds["upper"].drop_nulls().to_list()
    return max(values) - min(values) or 1.0


def _notes(
    points: pl.DataFrame,
    of_cells: pl.DataFrame,
    group_pairs: pl.DataFrame | None,
    counts: str,
) -> list[str]:
    notes = [counts, "A point is a network"]
    if "p_value" in points.columns and points["p_value"].is_not_null().any():
        notes[-1] += f", hollow where p of its best layer is not below {ALPHA:g}"
    notes[-1] += "."
    if "group_median" in of_cells.columns:
        notes.append("Bar: median of a group.")
    if "group_p" in of_cells.columns:
        if of_cells["group"].n_unique() > MOST_GROUPS_OF_STARS:
            notes.append("Too many groups for stars.")
        elif of_cells["group_p"].is_not_null().any():
            notes.append("Stars: p of that median, or of a group's only network, below 0.05, 0.01, 0.001.")
        else:
            notes.append("There are no p-values of these groups.")
    if group_pairs is not None and not group_pairs.is_empty():
        if of_cells["group"].n_unique() > MOST_GROUPS_OF_BRACKETS:
            notes.append("Too many groups for brackets: see the table group_comparison.")
        else:
            notes.append(f"Brackets: two groups differ ({_correction(group_pairs)}).")
    return notes


def _correction(group_pairs: pl.DataFrame) -> str:
    names = group_pairs["correction"].unique().sort().to_list() if "correction" in group_pairs.columns else []
    return f"p adjusted by {', '.join(name.capitalize() for name in names)}" if names else "adjusted p"
