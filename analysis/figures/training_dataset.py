"""Best layers by training data; lines join families that were trained on several data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.by_region import AESTHETICS
from alignhouse.analysis.figures.frames import need_columns, ordered_regions, rows_to_draw, with_group
from alignhouse.analysis.figures.labels import Style, group_label, group_styles, heading, plain, shortened
from alignhouse.analysis.figures.score_names import AXIS
from alignhouse.analysis.figures.theme import (
    NARROW,
    WIDTH,
    about,
    dressed,
    group_scales,
    house_theme,
    no_rows,
)

if TYPE_CHECKING:
    from plotnine import ggplot

PANELS_ABREAST, PANELS_ABREAST_WHEN_NARROW = 5, 2
NAMES = 1.3  # width in inches of the names of training data, which the legend does not extend over
LINE = 0.17  # height in inches of the line of one training data set
SHIFT = 0.26  # half the height, in lines, over which networks are spread
MEDIAN = 0.42  # half the height, in lines, of the mark of a median, which points do not hide
LETTERS = 22  # longest name of training data


def by_training_dataset(
    training_dataset: pl.DataFrame,
    *,
    protocol: str,
    group_by: str = "model_type",
    source: str = "",
    width: float = WIDTH,
    score: str = AXIS,
) -> ggplot:
    """One panel per region, a line per training data set: a point per network, a bar at their median.

    Lines join the medians of a family that was trained on several data sets.

    Parameters
    ----------
    training_dataset : one row per network and region: protocol, dataset, split, model, family,
        training_dataset, roi, roi_group, roi_order, rho, dataset_median, family_median, family_datasets,
        n_subjects, remark and the column `group_by`.
    source : data set and split, shown if there are no rows. width : inches.
    score : name of the scores on the axis.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = "Best layer by training data"
    rows = rows_to_draw(training_dataset, "training_dataset", protocol, values=["rho"])
    if rows.frame.is_empty():
        return no_rows(what, protocol=protocol, remark=rows.remark, source=source, width=width)
    need_columns(
        training_dataset,
        "training_dataset",
        ["model", "family", "training_dataset", "dataset_median", "family_median", "family_datasets"],
    )
    regions = ordered_regions(rows.frame)["roi"].to_list()
    grouped = with_group(rows.frame, "training_dataset", group_by)
    styles = group_styles(grouped["group"].unique())
    trained = [group_label(value) for value in grouped["training_dataset"].to_list()]
    drawn = grouped.with_columns(pl.Series("trained_on", trained, dtype=pl.String))
    # The data set with the most networks is on top.
    sizes = drawn.group_by("trained_on").agg(pl.col("model").n_unique()).sort("model", "trained_on")
    order = sizes["trained_on"].to_list()
    drawn = (
        drawn.with_columns(
            pl.col("group").cast(pl.Enum(list(styles))),
            roi=pl.col("roi").cast(pl.String).cast(pl.Enum(regions)),
            line=pl.col("trained_on").cast(pl.Enum(order)).to_physical().cast(pl.Float64),
        )
        .sort("roi", "line", "group", "model")
        .with_columns(
            at=pl.col("line")
            + SHIFT
            * (2 * (pl.int_range(pl.len()).over("roi", "line") + 0.5) / pl.len().over("roi", "line") - 1)
        )
    )
    families = (
        drawn.filter(pl.col("family_datasets") > 1)
        .unique(["roi", "family", "line"], maintain_order=True)
        .sort("family", "line", maintain_order=True)
    )
    notes = [rows.counts, f"A point is a network, coloured by {heading(group_by)}; bar: median."]
    if families.is_empty():
        notes.append("No family was trained on more than one data set.")
    else:
        joined = families["family"].n_unique()
        notes.append(
            f"Thin lines: medians of a family that was trained on several data sets ({joined} of them)."
        )
    labels = [f"{shortened(name, LETTERS)} ({n})" for name, n in sizes.iter_rows()]
    plot, body = _plot(drawn, families, labels, styles, len(regions), width, score)
    return dressed(
        plot,
        body,
        what,
        styles=styles,
        legend_width=width - NAMES,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=rows.remark,
        notes=notes,
        left_out=rows.left_out,
    )


def _plot(
    drawn: pl.DataFrame,
    families: pl.DataFrame,
    labels: list[str],
    styles: dict[str, Style],
    n_panels: int,
    width: float,
    score: str,
) -> tuple[ggplot, float]:
    import plotnine as p9

    abreast = min(n_panels, PANELS_ABREAST if width >= NARROW else PANELS_ABREAST_WHEN_NARROW)
    several = drawn.filter(pl.len().over("roi", "line") > 1)
    medians = several.unique(["roi", "line"], maintain_order=True).with_columns(
        low=pl.col("line") - MEDIAN, high=pl.col("line") + MEDIAN
    )
    counts = dict(drawn.group_by("group").agg(pl.col("model").n_unique()).iter_rows())
    layers: list[Any] = []
    if not families.is_empty():
        path = p9.aes(x="family_median", y="line", group="family")
        layers.append(p9.geom_path(path, data=families, color="#9A9A9A", size=0.4))
    bar = p9.aes(x="dataset_median", xend="dataset_median", y="low", yend="high")
    plot = p9.ggplot(drawn, p9.aes(x="rho", y="at"))
    plot += [
        house_theme(),
        p9.geom_vline(xintercept=0, color="#666666", size=0.4),
        *layers,
        *([p9.geom_segment(bar, data=medians, color="#111111", size=0.6)] if len(medians) else []),
        p9.geom_point(p9.aes(color="group", shape="group", fill="group"), size=1.0, alpha=0.75, stroke=0.2),
        p9.facet_wrap("roi", ncol=abreast),
        p9.scale_y_continuous(
            breaks=list(range(len(labels))), labels=[plain(each) for each in labels], expand=(0, 0.5)
        ),
        p9.scale_x_continuous(breaks=about(3)),
        p9.labs(x=f"{score}, best layer", y=""),
        *group_scales(styles, counts, AESTHETICS, width - NAMES),
        p9.theme(
            axis_text_y=p9.element_text(size=7),
            axis_text_x=p9.element_text(size=7),
            panel_grid_major_y=p9.element_line(color="#EEEEEE", size=0.4),
            panel_grid_major_x=p9.element_line(color="#E4E4E4", size=0.5),
        ),
    ]
    return plot, 0.6 + (0.4 + max(0.6, LINE * len(labels))) * -(-n_panels // abreast)
