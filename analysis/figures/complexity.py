"""Alignment against the size, cost and accuracy of networks: parameters, GFLOPs, top-1 accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.frames import need_columns, ordered_regions, rows_to_draw, with_group
from alignhouse.analysis.figures.labels import group_styles, heading
from alignhouse.analysis.figures.score_names import AXIS
from alignhouse.analysis.figures.theme import (
    NARROW,
    WIDTH,
    dressed,
    group_scales,
    house_theme,
    no_rows,
    panel_titles,
    percent_of,
)
from alignhouse.analysis.statistics.complexity import FEWEST_OF_AN_INTERVAL

if TYPE_CHECKING:
    from plotnine import ggplot

FIGURES = {"parameters": "parameters", "gflops": "GFLOPs", "top1": "top-1 accuracy (%)"}
LOGARITHMIC = ("parameters", "gflops")  # x is a logarithm to base 10
# All panels share one x axis. This offset between figures lets the axis labels identify their figure.
APART = 1000.0
PANEL = 1.45  # inches of height
WORDS = 0.5  # space above the scores for two lines of text, as a share of their range
UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def alignment_against_complexity(
    complexity: pl.DataFrame,
    *,
    protocol: str,
    group_by: str = "model_type",
    source: str = "",
    width: float = WIDTH,
    score: str = AXIS,
) -> ggplot:
    """A row of panels per region and a column per figure: a point per network, the regression line, r.

    A panel says so if no figures are known, or if there are too few networks for an interval of the
    correlation. Then it has neither r nor a line.

    Parameters
    ----------
    complexity : one row per network, region and figure ("parameters", "gflops", "top1"): protocol, dataset,
        split, model, roi, roi_group, roi_order, figure, value (null if unknown), x (the regressor
        of rho), rho, correlation, lower, upper, level, n_networks, n_left_out, the line's ends x_from,
        rho_from, x_to, rho_to (null without a line), remark and the column `group_by`.
    source : data set and split, shown if there are no rows. width : inches.
    score : name of the scores on the axis.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = "Alignment against size, cost and accuracy"
    rows = rows_to_draw(complexity, "complexity", protocol, values=["rho"])
    if rows.frame.is_empty():
        return no_rows(what, protocol=protocol, remark=rows.remark, source=source, width=width)
    need_columns(complexity, "complexity", ["model", "figure", "value", "x", "correlation", "x_from"])
    regions = ordered_regions(rows.frame)["roi"].to_list()
    grouped = with_group(rows.frame, "complexity", group_by)
    styles = group_styles(grouped["group"].unique())
    numbers = ["x", "value", "correlation", "lower", "upper", "x_from", "x_to", "rho_from", "rho_to"]
    table = grouped.with_columns(
        pl.col(numbers).cast(pl.Float64),
        pl.col("group").cast(pl.Enum(list(styles))),
        roi=pl.col("roi").cast(pl.String).cast(pl.Enum(regions)),
        figure=pl.col("figure").cast(pl.String).cast(pl.Enum(list(FIGURES))),
    ).sort("roi", "figure", "model")
    points = table.drop_nulls("x").with_columns(at=pl.col("x") + _place())
    plot, body = _plot(table, points, group_by, styles, width, score)
    return dressed(
        plot,
        body,
        what,
        styles=styles,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=rows.remark,
        notes=[rows.counts, *_notes(table, group_by)],
        left_out=rows.left_out,
    )


def _notes(table: pl.DataFrame, group_by: str) -> list[str]:
    notes = [f"A point is the best layer of a network, coloured by {heading(group_by)}."]
    known = table.filter(_has_interval())
    if not known.is_empty():
        notes.append(
            f"Line: least squares. r: Pearson, with {percent_of(known['level'][0])} bootstrap interval "
            "over networks (parameters and GFLOPs as logarithms)."
        )
    missing = table.filter(pl.col("x").is_null()).group_by("figure").agg(pl.col("model").n_unique())
    if not missing.is_empty():
        told = [f"{FIGURES[name]}: {n}" for name, n in missing.sort("figure").iter_rows()]
        notes.append(f"Networks without a known figure, left out ({'; '.join(told)}).")
    return notes


def _has_interval() -> pl.Expr:
    enough = pl.col("n_networks") >= FEWEST_OF_AN_INTERVAL
    return enough & pl.all_horizontal(pl.col("correlation", "lower", "upper").is_not_null())


def _place() -> pl.Expr:
    return pl.col("figure").to_physical().cast(pl.Float64) * APART


def _plot(
    table: pl.DataFrame, points: pl.DataFrame, group_by: str, styles: dict[str, Any], width: float, score: str
) -> tuple[ggplot, float]:
    import plotnine as p9

    panels = table.unique(["roi", "figure"], maintain_order=True, keep="first")
    lines = (
        panels.filter(_has_interval())
        .drop_nulls(["x_from", "x_to", "rho_from", "rho_to"])
        .with_columns(start=pl.col("x_from") + _place(), end=pl.col("x_to") + _place())
    )
    of_region = table.group_by("roi").agg(
        pl.col("rho").max().alias("high"), (pl.col("rho").max() - pl.col("rho").min()).alias("range")
    )
    # The text goes above all points, so that it hides none.
    words = (
        panels.join(points.group_by("figure").agg(pl.col("at").min().alias("left")), on="figure", how="left")
        .join(of_region, on="roi")
        .with_columns(
            label=pl.Series(
                [
                    _words(row)
                    for row in panels.with_columns(has_interval=_has_interval()).iter_rows(named=True)
                ],
                dtype=pl.String,
            ),
            at=pl.col("left").fill_null(_place()),
            rho=pl.col("high") + WORDS * pl.when(pl.col("range") > 0).then("range").otherwise(0.1),
        )
        .filter(pl.col("label") != "")
    )
    counts = dict(table.group_by("group").agg(pl.col("model").n_unique()).iter_rows())
    look = p9.aes(color="group", shape="group", fill="group")
    layers: list[Any] = []
    if not points.is_empty():
        layers.append(p9.geom_point(look, data=points, size=1.1, alpha=0.75, stroke=0.2))
    if not lines.is_empty():
        ends = p9.aes(x="start", xend="end", y="rho_from", yend="rho_to")
        layers.append(p9.geom_segment(ends, data=lines, color="#111111", size=0.7))
    narrow = width < NARROW
    titles = FIGURES | ({"top1": "top-1 (%)"} if narrow else {})
    plot = p9.ggplot(points if not points.is_empty() else words, p9.aes(x="at", y="rho"))
    plot += [
        house_theme(),
        *layers,
        p9.geom_text(
            p9.aes(label="label"),
            data=words,
            size=6 if narrow else 7,
            ha="left",
            va="top",
            color="#222222",
            lineheight=1.25,
        ),
        p9.facet_grid("roi", "figure", scales="free", labeller=panel_titles(titles)),
        p9.scale_x_continuous(breaks=_breaks(3 if narrow else 4), labels=_labels),
        p9.labs(x="", y=f"{score} of the best layer"),
        *group_scales(styles, counts, ["color", "shape", "fill"], width),
        p9.theme(
            strip_text_x=p9.element_text(size=7 if narrow else 9),
            strip_text_y=p9.element_text(ha="center", size=8),
            panel_spacing_x=0.05 if narrow else 0.02,
        ),
    ]
    return plot, 0.5 + max(1.8, PANEL * table["roi"].n_unique())


def _words(row: dict[str, Any]) -> str:
    """The text of a panel: r, its interval and the number of networks, or why there is no r."""
    if row["n_networks"] is None:
        return "no correlation\nwas computed"
    if row["n_networks"] == 0:
        return "no network\nhas one"
    if row["n_networks"] < FEWEST_OF_AN_INTERVAL:
        return f"too few networks\nfor r (n = {row['n_networks']})"
    if not row["has_interval"]:
        return f"no r with an\ninterval (n = {row['n_networks']})"
    numbers = f"r = {row['correlation']:.2f}, n = {row['n_networks']}"
    return f"{numbers}\n[{row['lower']:.2f}, {row['upper']:.2f}]"


def _breaks(most: int) -> Any:
    """About `most` axis breaks: whole powers of ten on a logarithmic axis, else round numbers."""
    from mizani.breaks import breaks_extended

    def breaks(limits: Sequence[float]) -> list[float]:
        place = _figure_at(limits)
        start = place * APART
        low, high = limits[0] - start, limits[1] - start
        if list(FIGURES)[place] in LOGARITHMIC:
            found = [float(k) for k in range(-6, 15) if low <= k <= high]
            if len(found) < 2:
                found = [k / 2 for k in range(-12, 30) if low <= k / 2 <= high]
            found = found[:: max(1, -(-len(found) // most))]
        else:
            found = [each for each in breaks_extended(n=most)((low, high)) if low <= each <= high]
        return [start + each for each in found]

    return breaks


def _labels(breaks: Sequence[Any]) -> list[str]:
    """Labels of the breaks: the figure with its unit."""
    labels = []
    for each in breaks:
        place = _figure_at([each])
        value = each - place * APART
        labels.append(_short(10**value) if list(FIGURES)[place] in LOGARITHMIC else f"{value:g}")
    return labels


def _figure_at(limits: Sequence[float]) -> int:
    middle = sum(limits) / len(limits)
    return min(len(FIGURES) - 1, max(0, round(middle / APART)))


def _short(value: float) -> str:
    """1500000 as 1.5M, to two digits."""
    size, unit = next(((size, unit) for size, unit in UNITS if value >= size), (1.0, ""))
    value /= size
    return f"{value:.0f}{unit}" if value >= 10 else f"{value:.2g}{unit}"
