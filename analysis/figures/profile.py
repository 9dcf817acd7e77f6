"""Networks by regions as heat maps: scores of best layers, and signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.frames import need_columns, ordered_regions, rows_to_draw, with_group
from alignhouse.analysis.figures.labels import Style, group_styles, heading, plain
from alignhouse.analysis.figures.score_names import AXIS
from alignhouse.analysis.figures.theme import (
    NARROW,
    POINTS,
    WIDTH,
    about,
    colour_bar,
    dressed,
    group_scales,
    house_theme,
    no_rows,
    panel_titles,
)

if TYPE_CHECKING:
    from plotnine import ggplot

NAMES = 1.8  # width in inches of the networks' names, which the legend does not extend over
LINE = 0.135  # height of a network's line in inches
COLOURS = "viridis"  # perceptually uniform, and safe for colour-blind readers
SIGNED_COLOURS = "RdBu_r"  # white at 0; red and blue stay apart for colour-blind readers
GROUP_COLUMN = " "  # the panel of the groups' marks


def region_profile(
    best_layer: pl.DataFrame,
    *,
    protocol: str,
    group_by: str = "model_type",
    source: str = "",
    width: float = WIDTH,
    score: str = AXIS,
) -> ggplot:
    """A line per network, a column per region: rho of the best layer as colour; a mark says the group.

    Groups follow one another, and in each the networks by their mean over the regions.

    Parameters
    ----------
    best_layer : as of `best_layer_by_group`, with model_mean.
    source : data set and split, shown if there are no rows. width : inches.
    score : name of the scores on the axis.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    note = (
        f"Colour: {score} of the best layer, mean over subjects. Networks by {heading(group_by)}, in each by "
    )
    return _heat_map(
        best_layer,
        ("best_layer", "rho", "Brain-region profile of networks", f"{note}their mean over regions."),
        protocol=protocol,
        group_by=group_by,
        source=source,
        width=width,
    )


def signatures(
    signature: pl.DataFrame,
    *,
    protocol: str,
    group_by: str = "model_type",
    source: str = "",
    width: float = WIDTH,
    score: str = AXIS,
) -> ggplot:
    """A line per network, a column per region: how much better or worse it aligns there than networks do.

    Parameters
    ----------
    signature : as `best_layer` of `region_profile`, with deviation (from the mean over networks) and
        model_mean (of deviation).
    source : data set and split, shown if there are no rows. width : inches.
    score : name of the scores.

    Raises
    ------
    BadInput : as `region_profile`.
    """
    note = (
        f"Colour: {score} of the best layer minus its mean over all networks, mean over subjects. Networks "
        f"by {heading(group_by)}, in each by their mean over regions."
    )
    return _heat_map(
        signature,
        ("signature", "deviation", "Signatures of networks over regions", note),
        protocol=protocol,
        group_by=group_by,
        source=source,
        width=width,
    )


def _heat_map(
    frame: pl.DataFrame,
    about: tuple[str, str, str, str],
    *,
    protocol: str,
    group_by: str,
    source: str,
    width: float,
) -> ggplot:
    """A heat map. about : the query, the column that gives the colour, the title, and a note."""
    query, value, what, note = about
    rows = rows_to_draw(frame, query, protocol, values=[value])
    if rows.frame.is_empty():
        return no_rows(what, protocol=protocol, remark=rows.remark, source=source, width=width)
    need_columns(frame, query, ["model", "model_mean"])
    regions = ordered_regions(rows.frame)
    grouped = with_group(rows.frame, query, group_by)
    styles = group_styles(grouped["group"].unique())
    drawn = (
        grouped.drop("roi_group", "roi_order")
        .with_columns(pl.col("roi", "model").cast(pl.String))
        .join(regions.select("roi", "roi_group", "x"), on="roi")
        .with_columns(pl.col("group").cast(pl.Enum(list(styles))))
        .sort("group", "model_mean", "model", descending=[True, False, True])
    )
    lines = drawn["model"].unique(maintain_order=True).to_list()
    columns = [GROUP_COLUMN, *regions["roi"].to_list()]
    panels = [GROUP_COLUMN, *regions["roi_group"].cast(pl.String).unique(maintain_order=True)]
    tiles = drawn.with_columns(
        pl.col("model").cast(pl.Enum(lines)),
        pl.col("roi").cast(pl.Enum(columns)),
        panel=pl.col("roi_group").cast(pl.String).cast(pl.Enum(panels)),
    )
    plot, body = _plot(tiles, value, styles, len(lines), width)
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
        notes=[rows.counts, note],
        left_out=rows.left_out,
    )


def _plot(
    tiles: pl.DataFrame, value: str, styles: dict[str, Style], n_lines: int, width: float
) -> tuple[ggplot, float]:
    import plotnine as p9

    marks = tiles.unique("model", maintain_order=True).with_columns(
        roi=pl.lit(GROUP_COLUMN).cast(tiles.schema["roi"]),
        panel=pl.lit(GROUP_COLUMN).cast(tiles.schema["panel"]),
    )
    counts = dict(tiles.group_by("group").agg(pl.col("model").n_unique()).iter_rows())
    narrow = width < NARROW
    plot = p9.ggplot(tiles, p9.aes(x="roi", y="model"))
    plot += [
        house_theme(),
        p9.geom_tile(p9.aes(fill=value)),
        p9.geom_point(p9.aes(color="group", shape="group"), data=marks, size=1.6, stroke=0.2),
        p9.facet_grid(
            cols="panel",
            scales="free_x",
            labeller=panel_titles(lambda name: name.partition("-")[0] if narrow else name),
            space={"x": _shares(tiles), "y": [1]},
        ),
        _colours(tiles, value),
        p9.scale_x_discrete(labels=lambda names: [plain(name) for name in names]),
        p9.scale_y_discrete(labels=lambda names: [plain(name) for name in names]),
        p9.labs(x="", y=""),
        *group_scales(styles, counts, ["color", "shape"], width - NAMES),
        colour_bar(legend_key_width=1.4 * POINTS),
        p9.theme(
            axis_text_x=p9.element_text(rotation=90, ha="center", size=7),
            axis_text_y=p9.element_text(size=5.5 if narrow else 6.5),
            strip_text_x=p9.element_text(size=6 if narrow else 8, ha="left"),
            panel_grid_major_y=p9.element_blank(),
            panel_spacing_x=0.008,
            legend_title=p9.element_text(size=8, margin={"r": 5}),
        ),
    ]
    return plot, 1.45 + LINE * max(4, n_lines)


def _colours(tiles: pl.DataFrame, value: str) -> Any:
    import plotnine as p9

    if value == "rho":
        return p9.scale_fill_cmap(COLOURS, name=value, breaks=about(4))
    most = max(float(tiles[value].abs().to_numpy().max()), 1e-9)
    return p9.scale_fill_cmap(SIGNED_COLOURS, name=value, breaks=about(3), limits=(-most, most))


def _shares(tiles: pl.DataFrame) -> list[int]:
    """Number of columns of each panel; the panel of group marks comes first."""
    found = tiles.group_by("panel").agg(pl.col("roi").n_unique()).sort("panel")["roi"].to_list()
    return [1, *found]
