"""How well a network's layers align with each region, from its first layer to its last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from analysis.figures.frames import need_columns, ordered_regions, rows_to_draw, with_group
from analysis.figures.labels import Style, group_styles, heading, plain
from analysis.figures.theme import group_scales, house_theme, legend_height, no_rows, texts

if TYPE_CHECKING:
    from plotnine import ggplot

MOST_PANELS_ABREAST = 6
CROWD = 12  # networks in a group from which on their lines are paler


def alignment_over_depth(
    depth_profile: pl.DataFrame, *, protocol: str, group_by: str = "model_type"
) -> ggplot:
    """One panel per region, one row of panels per region group: rho over relative depth.

    A thin line is a network, the thick line the plain mean over the networks of a group at each depth.

    Parameters
    ----------
    depth_profile : one row per network, region and depth: protocol, dataset, split, model, roi, roi_group,
        roi_order, depth (in [0, 1], the same grid for all networks), rho, remark and the column `group_by`.
    group_by : the column that says which group a network belongs to.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = f"Alignment over depth by {heading(group_by)}"
    rows = rows_to_draw(depth_profile, "depth_profile", protocol, values=["depth", "rho"])
    if rows.frame.is_empty():
        return no_rows(what, protocol=protocol, remark=rows.remark, left_out=rows.left_out)
    need_columns(depth_profile, "depth_profile", ["model"])
    grouped = with_group(rows.frame, "depth_profile", group_by)
    styles = group_styles(grouped["group"].unique())
    panels = _panels(ordered_regions(rows.frame))
    curves = (
        grouped.select(
            pl.col("model").cast(pl.String), "group", pl.col("roi").cast(pl.String), "depth", "rho"
        )
        .join(panels, on="roi")
        .with_columns(pl.col("group").cast(pl.Enum(list(styles))))
        .sort("x", "group", "model", "depth")
    )
    return _plot(curves, group_means(curves), panels, styles) + texts(
        what,
        protocol=protocol,
        source=rows.source,
        remark=rows.remark,
        notes=["Thin: a network. Thick: the mean of a group. Depth 0 is the first layer, 1 the last."],
        left_out=rows.left_out,
    )


def group_means(curves: pl.DataFrame) -> pl.DataFrame:
    """The mean of rho over the networks of a group: group, row, column (of its panel), roi, depth, rho."""
    keys = ["group", "row", "column", "roi", "depth"]
    return curves.group_by(keys).agg(pl.col("rho").mean()).sort("row", "column", "group", "depth")


def _panels(regions: pl.DataFrame) -> pl.DataFrame:
    """The regions with their panel: `row` (a region group, continued where it has many) and `column`."""
    group = pl.col("roi_group").cast(pl.String)
    turn = pl.col("slot") // MOST_PANELS_ABREAST
    named = regions.with_columns(
        row=pl.when(turn == 0)
        .then(group)
        .otherwise(pl.concat_str(group, pl.lit(" "), (turn + 1).cast(pl.String))),
        column=pl.col("slot") % MOST_PANELS_ABREAST,
    )
    rows = named["row"].unique(maintain_order=True).to_list()
    return named.with_columns(pl.col("row").cast(pl.Enum(rows)))


def with_gaps(curves: pl.DataFrame) -> pl.DataFrame:
    """The curves with a row of nulls after each, so that a group's are drawn at once, as one broken line."""
    ends = curves.unique(subset=["x", "model"]).with_columns(
        depth=pl.lit(None, pl.Float64), rho=pl.lit(None, pl.Float64)
    )
    return pl.concat([curves, ends.select(curves.columns)]).sort(
        "x", "group", "model", "depth", nulls_last=True
    )


def _plot(
    curves: pl.DataFrame, means: pl.DataFrame, panels: pl.DataFrame, styles: dict[str, Style]
) -> ggplot:
    import plotnine as p9
    from mizani.breaks import breaks_extended

    counts = dict(curves.group_by("group").agg(pl.col("model").n_unique()).iter_rows())
    rho = curves["rho"].to_numpy()
    low, high = min(0.0, float(rho.min())), max(0.0, float(rho.max()))
    breaks = [float(each) for each in breaks_extended(n=4)((low, high))]
    guides = panels.join(pl.DataFrame({"guide": breaks}), how="cross")  # of the panels with a region only
    top = max(high, *breaks)
    names = panels.with_columns(
        depth=pl.lit(0.0), rho=pl.lit(top + 0.03 * (top - low)), name=pl.Series(map(plain, panels["roi"]))
    )
    pale = 0.35 if max(counts.values()) <= CROWD else 0.18
    return (
        p9.ggplot(curves, p9.aes(x="depth", y="rho"))
        + p9.geom_hline(p9.aes(yintercept="guide"), data=guides, color="#E4E4E4", size=0.5)
        + p9.geom_hline(p9.aes(yintercept=0), data=panels, color="#666666", size=0.4)
        + p9.geom_path(
            p9.aes(color="group", group="group"), data=with_gaps(curves), size=0.3, alpha=pale, na_rm=True
        )
        + p9.geom_line(p9.aes(color="group", linetype="group"), data=means, size=0.9)
        + p9.geom_text(
            p9.aes(label="name"),
            data=names,
            ha="left",
            va="bottom",
            size=8,
            fontweight="bold",
            color="#222222",
        )
        + p9.facet_grid("row", "column")
        + p9.scale_x_continuous(breaks=[0, 0.5, 1], labels=["0", "0.5", "1"])
        + p9.scale_y_continuous(breaks=breaks, expand=(0.03, 0, 0.14, 0))
        + group_scales(styles, counts, ["color", "linetype"])
        + p9.labs(x="relative depth of the layer", y="Spearman rho, mean over subjects")
        + house_theme(1.0 + max(2.4, 1.35 * panels["row"].n_unique()) + legend_height(styles))
        + p9.theme(
            strip_text_x=p9.element_blank(),
            strip_text_y=p9.element_text(ha="center", size=8),
            panel_grid_major_y=p9.element_blank(),
        )
    )
