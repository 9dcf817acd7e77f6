"""How well the layers of single networks align with a few regions, from the first layer to the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.frames import need_columns, ordered_regions, rows_to_draw
from alignhouse.analysis.figures.labels import RESAMPLED, Style, group_styles, plain, shortened
from alignhouse.analysis.figures.score_names import AXIS
from alignhouse.analysis.figures.theme import (
    NAME_LETTER,
    NARROW,
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

PANELS_ABREAST, PANELS_ABREAST_WHEN_NARROW = 5, 2
PANEL = 1.25  # inches of height
STRIP = 6.5  # points of the names of networks
MOST_BANDS = 8  # regions from which on the bands of one network would hide one another


def depth_of_networks(
    layer_score: pl.DataFrame, *, protocol: str, source: str = "", width: float = WIDTH, score: str = AXIS
) -> ggplot:
    """One panel per network: rho of every layer over relative depth, a line per region, with its interval.

    Parameters
    ----------
    layer_score : one row per network, layer and region: protocol, dataset, split, model, layer_index, depth,
        roi, roi_group, roi_order, rho, lower, upper (null where no interval was made), level, resampled,
        model_place (order of panels), n_models (of all that could be drawn), n_subjects, remark.
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
    need_columns(layer_score, "layer_score", ["model", "layer_index", "lower", "upper", "model_place"])
    regions = ordered_regions(rows.frame)
    styles = _region_styles(regions)
    models = rows.frame.sort("model_place")["model"].unique(maintain_order=True).cast(pl.String).to_list()
    curves = rows.frame.with_columns(
        pl.col("lower", "upper").cast(pl.Float64),
        group=pl.col("roi").cast(pl.String).cast(pl.Enum(list(styles))),
        panel=pl.col("model").cast(pl.String).cast(pl.Enum(models)),
    ).sort("panel", "group", "layer_index")
    known = curves.drop_nulls(["lower", "upper"])
    bands = known if len(styles) <= MOST_BANDS else known.clear()
    plot, body = _plot(curves, bands, styles, len(models), width, score)
    return dressed(
        plot,
        body,
        what,
        styles=styles,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=rows.remark,
        notes=[rows.counts, *_notes(curves, bands, len(models))],
        left_out=rows.left_out,
    )


def _notes(curves: pl.DataFrame, bands: pl.DataFrame, n_drawn: int) -> list[str]:
    notes = ["Point: a layer."]
    if not bands.is_empty():
        over = ", ".join(RESAMPLED.get(each, each) for each in bands["resampled"].unique().sort())
        notes.append(f"Band: {percent_of(bands['level'][0])} bootstrap interval over {over}.")
    elif curves["lower"].is_null().all():
        notes.append("No intervals of layers are known.")
    of_all = int(curves["n_models"][0]) if "n_models" in curves.columns else n_drawn
    if n_drawn < of_all:
        notes.append(f"The {n_drawn} of {of_all} networks that align best on average with these regions.")
    return notes


def _region_styles(regions: pl.DataFrame) -> dict[str, Style]:
    return {roi: style for roi, style in zip(regions["roi"], _styles(len(regions)), strict=True)}


def _styles(number: int) -> list[Style]:
    """So many styles; zero-padded so that the order of names is that of numbers."""
    return list(group_styles(f"{index:04d}" for index in range(number)).values())


def _plot(
    curves: pl.DataFrame,
    bands: pl.DataFrame,
    styles: dict[str, Style],
    n_panels: int,
    width: float,
    score: str,
) -> tuple[ggplot, float]:
    import plotnine as p9

    abreast = min(n_panels, PANELS_ABREAST if width >= NARROW else PANELS_ABREAST_WHEN_NARROW)
    layers: list[Any] = []
    bands = bands.filter(pl.len().over("panel", "group") > 1)
    if not bands.is_empty():
        ribbon = p9.aes(ymin="lower", ymax="upper", fill="group", group="group")
        layers.append(p9.geom_ribbon(ribbon, data=bands, alpha=0.18))
    look = p9.aes(color="group", linetype="group", group="group")
    lines = curves.filter(pl.len().over("panel", "group") > 1)  # a single layer is a point
    room = letters((width - 0.6) / abreast, STRIP, NAME_LETTER)
    plot = p9.ggplot(curves, p9.aes(x="depth", y="rho"))
    plot += [
        house_theme(),
        p9.geom_hline(yintercept=0, color="#666666", size=0.4),
        *layers,
        *([p9.geom_line(look, data=lines, size=0.6)] if not lines.is_empty() else []),
        p9.geom_point(p9.aes(color="group"), size=0.6, stroke=0),
        p9.facet_wrap(
            "panel", ncol=abreast, labeller=panel_titles(lambda name: plain(shortened(name, room)))
        ),
        p9.scale_x_continuous(breaks=[0, 0.5, 1], labels=["0", "0.5", "1"]),
        *group_scales(styles, {}, ["color", "linetype", "fill"], width),
        p9.labs(x="relative depth of the layer", y=f"{score}, mean over subjects"),
        p9.theme(strip_text=p9.element_text(size=STRIP, weight="bold")),
    ]
    return plot, 0.7 + max(1.6, PANEL * -(-n_panels // abreast))
