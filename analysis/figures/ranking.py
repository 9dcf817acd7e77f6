"""Networks ranked by their best layer in a region, with interval and the score of every subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.by_region import (
    AESTHETICS,
    ceiling_bands,
    ceiling_note,
    ceiling_rows,
    interval_in_words,
    region_bounds,
)
from alignhouse.analysis.figures.frames import (
    joined_remarks,
    need_columns,
    ordered_regions,
    rows_to_draw,
    with_group,
)
from alignhouse.analysis.figures.labels import Style, group_styles, heading, plain
from alignhouse.analysis.figures.score_names import AXIS
from alignhouse.analysis.figures.theme import NARROW, WIDTH, dressed, group_scales, house_theme, no_rows

if TYPE_CHECKING:
    from plotnine import ggplot

NAMES = 1.6  # width in inches of the networks' names, which the legend does not extend over
WHISKER = 0.4  # height of the ends of a whisker, in lines
LINE = 0.125  # height of a network's line in inches
SEPARATOR = "\N{UNIT SEPARATOR}"  # between region and network in the labels of an axis


def ranking(
    ranking: pl.DataFrame,
    noise_ceiling: pl.DataFrame,
    *,
    protocol: str,
    group_by: str = "model_type",
    source: str = "",
    width: float = WIDTH,
    score: str = AXIS,
) -> ggplot:
    """One panel per region, a line per network, the highest first, with its mean and each subject's score.

    A whisker reaches from the lower to the upper end of the interval of a mean that has one.

    Parameters
    ----------
    ranking : one row per subject, network and region: protocol, dataset, split, model, subject, roi,
        roi_group, roi_order, rho (the mean), lower, upper, level, resampled (of its interval, null without
        one), subject_rho, place (from 1), n_models (of all in the region), n_subjects, remark and the column
        `group_by`.
    noise_ceiling : as of `best_layer_by_group`.
    source : data set and split, shown if there are no rows. width : inches.
    score : name of the scores on the axis.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = "Ranking of networks"
    rows = rows_to_draw(ranking, "ranking", protocol, values=["rho", "subject_rho"])
    ceilings = ceiling_rows(noise_ceiling, protocol, rows.source)
    remark = joined_remarks([rows.remark, ceilings.remark])
    if rows.frame.is_empty():
        return no_rows(what, protocol=protocol, remark=remark, source=source, width=width)
    columns = ["model", "place", "n_models", "lower", "upper", "level", "resampled"]
    need_columns(ranking, "ranking", columns)
    ordered = ordered_regions(rows.frame)
    regions = ordered["roi"].to_list()
    grouped = with_group(rows.frame, "ranking", group_by)
    styles = group_styles(grouped["group"].unique())
    drawn = grouped.with_columns(
        pl.col("group").cast(pl.Enum(list(styles))),
        roi=pl.col("roi").cast(pl.String).cast(pl.Enum(regions)),
        line=pl.concat_str(
            pl.col("roi").cast(pl.String), pl.col("model").cast(pl.String), separator=SEPARATOR
        ),
    ).sort("roi", "place", "subject", descending=[False, True, False])
    lines = drawn["line"].unique(maintain_order=True).to_list()
    drawn = drawn.with_columns(pl.col("line").cast(pl.Enum(lines)))
    bounds = region_bounds(ceilings.frame, ordered)
    if not bounds.is_empty():
        bounds = bounds.drop_nulls(["lower", "upper"]).with_columns(pl.col("roi").cast(pl.Enum(regions)))
    means = drawn.unique("line", keep="first", maintain_order=True)
    whiskers = means.drop_nulls(["lower", "upper", "level"])
    notes = [rows.counts, f"Large: mean over subjects, by {heading(group_by)}; small: a subject."]
    if whiskers.is_empty():
        notes.append("No intervals of the means are known.")
    else:
        notes.append(f"Whisker: {interval_in_words(whiskers, 'bootstrap interval')}.")
    most, of_all = int(drawn["place"].to_numpy().max()), int(drawn["n_models"].to_numpy().max())
    if most < of_all:
        notes.append(f"The highest {most} of {of_all} networks in each region.")
    notes.append(ceiling_note(bounds, "noise ceiling"))
    plot, body = _plot(drawn, means, whiskers, bounds, styles, most, len(regions), width, score)
    return dressed(
        plot,
        body,
        what,
        styles=styles,
        legend_width=width - NAMES,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=remark,
        notes=notes,
        left_out=rows.left_out,
    )


def _plot(
    drawn: pl.DataFrame,
    means: pl.DataFrame,
    whiskers: pl.DataFrame,
    bounds: pl.DataFrame,
    styles: dict[str, Style],
    most: int,
    n_panels: int,
    width: float,
    score: str,
) -> tuple[ggplot, float]:
    import plotnine as p9

    abreast = min(n_panels, 2 if width >= NARROW else 1)
    counts = dict(drawn.group_by("group").agg(pl.col("model").n_unique()).iter_rows())
    everywhere = {"ymin": -float("inf"), "ymax": float("inf")}
    look = p9.aes(x="rho", color="group", shape="group", fill="group")
    plot = p9.ggplot(drawn, p9.aes(x="subject_rho", y="line"))
    plot += [
        house_theme(),
        *ceiling_bands(bounds, p9.aes(xmin="lower", xmax="upper"), **everywhere),
        p9.geom_vline(xintercept=0, color="#666666", size=0.4),
        *_whiskers(whiskers),
        p9.geom_point(size=1.1, alpha=0.8, stroke=0, color="#555555"),
        p9.geom_point(look, data=means, size=1.7, stroke=0.2),
        p9.facet_wrap("roi", ncol=abreast, scales="free_y"),
        p9.scale_y_discrete(
            labels=lambda names: [plain(str(name).partition(SEPARATOR)[2]) for name in names]
        ),
        p9.labs(x=f"{score}, best layer", y=""),
        *group_scales(styles, counts, AESTHETICS, width - NAMES),
        p9.theme(
            axis_text_y=p9.element_text(size=6.5),
            panel_grid_major_y=p9.element_line(color="#EEEEEE", size=0.4),
            panel_grid_major_x=p9.element_line(color="#E4E4E4", size=0.5),
        ),
    ]
    return plot, 0.45 + (0.35 + max(0.8, LINE * most)) * -(-n_panels // abreast)


def _whiskers(whiskers: pl.DataFrame) -> list[Any]:
    """The intervals of means, below the points of subjects."""
    import plotnine as p9

    if whiskers.is_empty():
        return []
    look = p9.aes(xmin="lower", xmax="upper", y="line", color="group")
    bar = {"size": 0.4, "alpha": 0.6, "height": WHISKER, "show_legend": False}
    return [p9.geom_errorbarh(look, data=whiskers, inherit_aes=False, **bar)]
