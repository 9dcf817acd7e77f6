"""How well the layers of single networks align with a few regions, from the first layer to the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.frames import need_columns, ordered_regions, rows_to_draw
from alignhouse.analysis.figures.labels import RESAMPLED, Style, group_styles, plain, whole_name
from alignhouse.analysis.figures.score_names import AXIS
from alignhouse.analysis.figures.theme import (
    LINE,
    NARROW,
    POINTS,
    WIDTH,
    dressed,
    group_scales,
    house_theme,
    letters,
    no_rows,
    panel_titles,
    percent_of,
)

if TYPE_CHECKING:
    from plotnine import ggplot

PANELS_ABREAST, PANELS_ABREAST_WHEN_NARROW = 4, 2
PANEL = 1.75  # inches of height
MOST_BANDS = 2  # networks; the bands of more would hide one another
MARGIN = 0.07  # of the axis, beside the first and the last layer
GAP = 0.02  # between two intervals at the same depth
KEY = 0.45  # inches of a legend entry beside its name
LEGEND_TEXT = 8.5  # points


def depth_of_networks(
    layer_score: pl.DataFrame, *, protocol: str, source: str = "", width: float = WIDTH, score: str = AXIS
) -> ggplot:
    """One panel per region: rho of every layer over relative depth, a line per network.

    A mark shows each network's best layer. One or two networks have the intervals of all layers as bands;
    of more networks, only the best layer has its interval, as a thin line.

    Parameters
    ----------
    layer_score : one row per network, layer and region: protocol, dataset, split, model, layer_index, depth,
        roi, roi_group, roi_order, rho, is_best (the network's best layer there), lower, upper (null where no
        interval was made), level, resampled, model_place (order of networks), n_models (of all that could be
        drawn), n_subjects, remark.
    source : data set and split, shown if there are no rows. width : inches.
    score : name of the scores on the axis.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = "Alignment over depth of networks"
    rows = rows_to_draw(layer_score, "layer_score", protocol, values=["depth", "rho"])
    if rows.frame.is_empty():
        return no_rows(what, protocol=protocol, remark=rows.remark, source=source, width=width)
    need_columns(
        layer_score, "layer_score", ["model", "layer_index", "is_best", "lower", "upper", "model_place"]
    )
    regions = ordered_regions(rows.frame)["roi"].to_list()
    models = rows.frame.sort("model_place")["model"].unique(maintain_order=True).cast(pl.String).to_list()
    names = {model: whole_name(model, letters(width - KEY, LEGEND_TEXT)) for model in models}
    styles = dict(zip(names.values(), _styles(len(models)), strict=True))
    curves = rows.frame.with_columns(
        pl.col("lower", "upper").cast(pl.Float64),
        group=pl.col("model").cast(pl.String).replace_strict(names).cast(pl.Enum(list(styles))),
        panel=pl.col("roi").cast(pl.String).cast(pl.Enum(regions)),
    ).sort("panel", "group", "layer_index")
    plot, body = _plot(curves, styles, len(regions), width, score)
    return dressed(
        plot,
        body + _further_lines(list(styles)) * LEGEND_TEXT * LINE / POINTS,
        what,
        styles=styles,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=rows.remark,
        notes=[rows.counts, *_notes(curves, len(models))],
        left_out=rows.left_out,
    )


def _further_lines(names: Sequence[str]) -> int:
    return sum(name.count("\n") for name in names)


def _notes(curves: pl.DataFrame, n_drawn: int) -> list[str]:
    known = curves.drop_nulls(["lower", "upper"])
    notes = ["Line: the layers of a network, mean over subjects. Mark: its best layer in the region."]
    if known.is_empty():
        notes.append("No intervals of layers are known.")
    else:
        over = ", ".join(RESAMPLED.get(each, each) for each in known["resampled"].unique().sort())
        interval = f"{percent_of(known['level'][0])} bootstrap interval over {over}"
        notes.append(
            f"Band: {interval}."
            if n_drawn <= MOST_BANDS
            else f"Thin line: {interval}, of the best layer alone (side by side at the same depth); "
            "those of other layers are not drawn."
        )
    of_all = int(curves["n_models"][0]) if "n_models" in curves.columns else n_drawn
    if n_drawn < of_all:
        notes.append(f"The {n_drawn} of {of_all} networks that align best on average with these regions.")
    return notes


def _side_by_side(whiskers: pl.DataFrame) -> pl.DataFrame:
    """Add the position `beside`: the depth, or a little to its side where intervals would coincide."""
    place = pl.int_range(pl.len()).over("panel", "depth")
    half = (pl.len().over("panel", "depth").cast(pl.Float64) - 1) / 2
    # Many intervals move together, so that all stay in the panel.
    gap = pl.min_horizontal(GAP, MARGIN * 0.9 / half)
    return whiskers.with_columns(beside=pl.col("depth") + gap * (place - half))


def _styles(number: int) -> list[Style]:
    """So many styles; zero-padded so that the order of names is that of numbers."""
    return list(group_styles(f"{index:04d}" for index in range(number)).values())


def _plot(
    curves: pl.DataFrame, styles: dict[str, Style], n_panels: int, width: float, score: str
) -> tuple[ggplot, float]:
    import plotnine as p9

    abreast = min(n_panels, PANELS_ABREAST if width >= NARROW else PANELS_ABREAST_WHEN_NARROW)
    known = curves.drop_nulls(["lower", "upper"])
    # A layer that is alone would otherwise be invisible.
    marks = curves.filter(pl.col("is_best") | (pl.len().over("panel", "group") == 1))
    intervals: list[Any] = []
    bands = known.filter(pl.len().over("panel", "group") > 1)
    if len(styles) <= MOST_BANDS and not bands.is_empty():
        ribbon = p9.aes(ymin="lower", ymax="upper", fill="group", group="group")
        intervals.append(p9.geom_ribbon(ribbon, data=bands, alpha=0.18, show_legend=False))
    whiskers = _side_by_side(known.filter("is_best"))
    if len(styles) > MOST_BANDS and not whiskers.is_empty():
        ends = p9.aes(x="beside", ymin="lower", ymax="upper", color="group")
        intervals.append(p9.geom_linerange(ends, data=whiskers, size=0.35, alpha=0.6, show_legend=False))
    look = p9.aes(color="group", linetype="group", group="group")
    mark = p9.aes(color="group", shape="group", fill="group")
    lines = curves.filter(pl.len().over("panel", "group") > 1)  # a single layer is a point
    plot = p9.ggplot(curves, p9.aes(x="depth", y="rho"))
    plot += [
        house_theme(),
        p9.geom_hline(yintercept=0, color="#666666", size=0.4),
        *intervals,
        *([p9.geom_line(look, data=lines, size=0.7, show_legend=False)] if not lines.is_empty() else []),
        *([p9.geom_point(mark, data=marks, size=2, stroke=0.3)] if not marks.is_empty() else []),
        p9.facet_wrap("panel", ncol=abreast, labeller=panel_titles(plain)),
        p9.scale_x_continuous(
            breaks=[0, 0.5, 1], labels=["0", "0.5", "1"], limits=(-MARGIN, 1 + MARGIN), expand=(0, 0)
        ),
        *group_scales(styles, {}, ["color", "linetype", "shape", "fill"], width),
        p9.labs(x="relative depth of the layer", y=score),
        p9.theme(panel_spacing_x=0.02, panel_spacing_y=0.03),
    ]
    return plot, 0.75 + PANEL * -(-n_panels // abreast)
