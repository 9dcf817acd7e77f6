"""Alignment with each region over relative depth, from first to last layer, as means of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.by_region import (
    ceiling_layers,
    ceiling_note,
    ceiling_rows,
    region_bounds,
)
from alignhouse.analysis.figures.frames import (
    how_many,
    joined_remarks,
    need_columns,
    ordered_regions,
    protocols_drawn,
    rows_to_draw,
    with_group,
)
from alignhouse.analysis.figures.labels import Style, group_styles, heading, plain
from alignhouse.analysis.figures.score_names import AXIS
from alignhouse.analysis.figures.theme import NARROW, WIDTH, dressed, group_scales, house_theme, no_rows

if TYPE_CHECKING:
    from plotnine import ggplot

MOST_PANELS_ABREAST = 6
PANELS_ABREAST_WHEN_NARROW = 4
PANEL = 1.3  # inches of height
FEWEST_OF_A_BAND = 3  # as in the query
LEAST_SHARE = 1 / 3  # of the axis that curves keep beside noise ceilings
ABOVE_LOWER = 0.1  # of the axis that shows how a ceiling goes on above its lower bound


def depth_bands(
    depth_band: pl.DataFrame,
    noise_ceiling: pl.DataFrame,
    *,
    protocol: str,
    group_by: str = "model_type",
    source: str = "",
    width: float = WIDTH,
    score: str = AXIS,
) -> ggplot:
    """One panel per region: the mean rho of a group of networks over relative depth, with its 95 % band.

    A line is at the lower noise ceiling of the region, and a grey band reaches from there to the upper one.

    Parameters
    ----------
    depth_band : one row per group, region and depth: protocol, dataset, split, group_name, roi, roi_group,
        roi_order, depth (in [0, 1]), rho (the mean), lower, upper (null for fewer than three networks),
        n_models, n_left_out (networks whose order of layers is not known), remark.
    noise_ceiling : as of `best_layer_by_group`.
    group_by : the grouping that group_name comes from; "protocol" draws all protocols.
    source : data set and split, shown if there are no rows. width : inches.
    score : name of the scores on the axis.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = f"Alignment over depth by {heading(group_by)}"
    asked, told = protocols_drawn(group_by, protocol)
    rows = rows_to_draw(depth_band, "depth_band", asked, values=["depth", "rho"])
    ceilings = ceiling_rows(noise_ceiling, protocol, rows.source)
    remark = joined_remarks([rows.remark, ceilings.remark])
    if rows.frame.is_empty():
        return no_rows(what, protocol=told, remark=remark, source=source, left_out=rows.left_out, width=width)
    need_columns(depth_band, "depth_band", ["lower", "upper", "n_models"])
    grouped = with_group(rows.frame, "depth_band", "group_name")
    styles = group_styles(grouped["group"].unique())
    regions = region_panels(ordered_regions(rows.frame), width)
    curves = (
        grouped.drop("roi_group", "roi_order")
        .with_columns(pl.col("roi").cast(pl.String))
        .join(regions, on="roi")
        .with_columns(pl.col("group").cast(pl.Enum(list(styles))), pl.col("lower", "upper").cast(pl.Float64))
        .sort("x", "group", "depth")
    )
    counts = dict(curves.group_by("group").agg(pl.col("n_models").max()).iter_rows())
    notes = [rows.counts, "Line: mean of a group's networks; band: 95 % interval of that mean"]
    notes[-1] += " (mean ± t × standard error over networks)."
    if bare := sum(n < FEWEST_OF_A_BAND for n in counts.values()):
        notes.append(
            f"Groups of fewer than {FEWEST_OF_A_BAND} networks have no band ({bare} of {len(counts)})."
        )
    notes.append("Depth 0 is the first layer, 1 the last.")
    if "n_left_out" in curves.columns and (n_left_out := int(curves["n_left_out"].to_numpy().max())):
        notes.append(f"Left out, since the order of layers is not known: {how_many(n_left_out, 'network')}.")
    bounds = region_bounds(ceilings.frame, regions)
    shown, reach, beyond = ceilings_in_view(bounds, _reach(curves))
    if not shown.is_empty() or bounds.is_empty():
        grey = "noise ceiling, from its lower bound (line) to its upper one"
        notes.append(ceiling_note(shown, grey, protocol if told != protocol else None))
    notes.append(beyond)
    layers = [*ceiling_layers(shown, lines=["lower"]), *_bands(curves), *_means(curves)]
    plot, body = _panels(curves, layers, regions, styles, counts, width, score, reach)
    return dressed(
        plot,
        body,
        what,
        styles=styles,
        width=width,
        protocol=told,
        source=rows.source,
        remark=remark,
        notes=list(filter(None, notes)),
        left_out=rows.left_out,
    )


def region_panels(regions: pl.DataFrame, width: float = WIDTH) -> pl.DataFrame:
    """The regions with their panel: `row` (a region group, continued where it has many) and `column`."""
    abreast = MOST_PANELS_ABREAST if width >= NARROW else PANELS_ABREAST_WHEN_NARROW
    group = pl.col("roi_group").cast(pl.String)
    turn = pl.col("slot") // abreast
    named = regions.with_columns(
        row=pl.when(turn == 0)
        .then(group)
        .otherwise(pl.concat_str(group, pl.lit(" "), (turn + 1).cast(pl.String))),
        column=pl.col("slot") % abreast,
    )
    rows = named["row"].unique(maintain_order=True).to_list()
    return named.with_columns(pl.col("row").cast(pl.Enum(rows)))


def ceilings_in_view(
    bounds: pl.DataFrame, reach: tuple[float, float]
) -> tuple[pl.DataFrame, tuple[float, float], str]:
    """The noise ceilings that an axis shows without squeezing curves, and what it does not show.

    If upper bounds are too far above the curves, ceilings are cut at the top of the axis; if lower bounds are
    too, no ceiling is drawn.

    Parameters
    ----------
    bounds : of `region_bounds`. reach : lowest and highest value of the curves.

    Returns
    -------
    The bounds to draw, from 0 to 1 on the axis of depth; lowest and highest value of the axis; and a sentence
    on what is beyond it, or "".
    """
    known = bounds.drop_nulls("lower") if not bounds.is_empty() else bounds
    if known.is_empty():
        return known, reach, ""
    low, high = reach
    room = (high - low) / LEAST_SHARE or float("inf")

    def extended(*columns: str) -> tuple[float, float]:
        values = [*known.select(columns).unpivot()["value"].drop_nulls()]
        return min(low, *values), max(high, *values)

    placed = known.with_columns(left=pl.lit(0.0), right=pl.lit(1.0))
    bottom, top = extended("lower", "upper")
    if top - bottom <= room:
        return placed, (bottom, top), ""
    bottom, top = extended("lower")
    if top - bottom > room:
        between = _from_to(known["lower"])
        note = f"The noise ceiling is not drawn, because its lower bounds ({between}) are far above curves."
        return known.clear(), reach, note
    top += ABOVE_LOWER * (top - bottom)
    cut = known.filter(pl.col("upper") > top)["upper"]
    note = f"Ceilings that the axis cuts off reach up to {_from_to(cut)}."
    return placed.with_columns(pl.col("upper").clip(upper_bound=top)), (bottom, top), note


def _from_to(values: pl.Series) -> str:
    """The lowest and highest value, "0.31 to 0.45"; one of them if both look the same."""
    ends = (f"{float(end):.2f}" for end in (values.to_numpy().min(), values.to_numpy().max()))
    return " to ".join(dict.fromkeys(ends))


def _reach(curves: pl.DataFrame) -> tuple[float, float]:
    """The lowest and highest value of lines and bands, or 0."""
    drawn = curves.select("rho", "lower", "upper").unpivot()["value"].drop_nulls().to_numpy()
    return min(0.0, float(drawn.min())), max(0.0, float(drawn.max()))


def _bands(curves: pl.DataFrame) -> list[Any]:
    import plotnine as p9

    known = curves.drop_nulls(["lower", "upper"])
    if known.is_empty():
        return []
    look = p9.aes(ymin="lower", ymax="upper", fill="group", group="group")
    return [p9.geom_ribbon(look, data=known, alpha=0.2)]


def _means(curves: pl.DataFrame) -> list[Any]:
    import plotnine as p9

    return [p9.geom_line(p9.aes(color="group", linetype="group"), data=curves, size=0.9)]


def _panels(
    curves: pl.DataFrame,
    layers: list[Any],
    regions: pl.DataFrame,
    styles: dict[str, Style],
    counts: dict[str, int],
    width: float,
    score: str,
    reach: tuple[float, float],
) -> tuple[ggplot, float]:
    import plotnine as p9
    from matplotlib.ticker import MaxNLocator

    low, high = reach
    steps = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10])  # multiples of a step, so that 0 is one of them
    breaks = [float(each) for each in steps.tick_values(low, high) if low <= each <= high]
    guides = regions.join(pl.DataFrame({"guide": breaks}), how="cross")  # of the panels with a region only
    top = max(high, *breaks)
    names = regions.with_columns(
        depth=pl.lit(0.0), rho=pl.lit(top + 0.03 * (top - low)), name=pl.Series(map(plain, regions["roi"]))
    )
    n_rows = regions["row"].n_unique()
    plot = p9.ggplot(curves, p9.aes(x="depth", y="rho"))
    plot += [
        house_theme(),
        p9.geom_hline(p9.aes(yintercept="guide"), data=guides, color="#E4E4E4", size=0.5),
        p9.geom_hline(p9.aes(yintercept=0), data=regions, color="#666666", size=0.4),
        *layers,
        p9.geom_text(
            p9.aes(label="name"),
            data=names,
            ha="left",
            va="bottom",
            size=8,
            fontweight="bold",
            color="#222222",
        ),
        p9.facet_grid("row", "column"),
        p9.scale_x_continuous(breaks=[0, 0.5, 1], labels=["0", "0.5", "1"]),
        p9.scale_y_continuous(breaks=breaks, expand=(0.03, 0, 0.14, 0)),
        *group_scales(styles, counts, ["color", "linetype", "fill"], width),
        p9.labs(x="relative depth of the layer", y=f"{score}, mean over subjects"),
        p9.theme(
            strip_text_x=p9.element_blank(),
            strip_text_y=p9.element_text(ha="center", size=8),
            panel_grid_major_y=p9.element_blank(),
            # wide enough for the 1 of a panel and the 0 of the next
            panel_spacing_x=0.015 if width >= NARROW else 0.03,
        ),
    ]
    return plot, 0.55 + max(2.2, PANEL * n_rows)
