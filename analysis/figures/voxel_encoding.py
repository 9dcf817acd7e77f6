"""How well networks predict voxels: in every region, and beside their alignment by RSA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.by_region import (
    AESTHETICS,
    ALPHA,
    BAND,
    cells,
    interval_layers,
    interval_note,
    median_layers,
    network_layers,
    panels,
    placed,
    zero_line,
)
from alignhouse.analysis.figures.frames import (
    Rows,
    need_columns,
    ordered_regions,
    rows_to_draw,
    with_group,
)
from alignhouse.analysis.figures.labels import Style, group_styles, heading
from alignhouse.analysis.figures.score_names import AXIS, voxel_score_name
from alignhouse.analysis.figures.theme import (
    NARROW,
    WIDTH,
    dressed,
    group_scales,
    house_theme,
    no_rows,
)
from alignhouse.analysis.figures.voxel_scores import in_one_unit, without_ceilings_note

if TYPE_CHECKING:
    from plotnine import ggplot

NO_VOXELS = "no voxels were encoded with the features of this protocol ([encoding] voxels = true)"
PANEL = 1.5  # inches of height of a panel of the comparison with RSA
CHANCE = {"color": "#333333", "linetype": "dotted", "size": 0.6}


def encoding_by_region(
    encoding: pl.DataFrame,
    *,
    protocol: str,
    group_by: str = "model_type",
    source: str = "",
    width: float = WIDTH,
) -> ggplot:
    """One panel per region group: in each region a point per network, with its interval.

    Parameters
    ----------
    encoding : one row per network and region: protocol, dataset, split, model, roi, roi_group, roi_order,
        score, is_normalised, chosen_on ("train" or "folds"), p_value, lower, upper, level, resampled,
        mean_by_chance (over networks; null if nothing was permuted), group_median, n_subjects, remark and
        the column `group_by`. If scores of some regions are not normalised, these are left out.
    source : data set and split, shown if there are no rows. width : inches.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = f"Voxel encoding by {heading(group_by)}"
    rows = rows_to_draw(encoding, "encoding", protocol, values=["score"])
    if rows.frame.is_empty():
        return no_rows(what, protocol=protocol, remark=rows.remark, source=source, why=NO_VOXELS, width=width)
    shown, left_out, styles = _grouped(rows, group_by)
    regions = ordered_regions(shown)
    points = placed(shown, regions, list(styles), value="score")
    of_cells = cells(points, value="score")
    plot, body = panels(
        points,
        [
            zero_line(),
            *_chance_segments(points),
            *median_layers(of_cells),
            *interval_layers(points),
            *network_layers(points),
        ],
        regions,
        styles,
        value="score",
        width=width,
    )
    is_normalised = bool(shown["is_normalised"].all())
    notes = [rows.counts, "A point is a network's best layer, chosen on the fitted stimuli"]
    if points["p_value"].is_not_null().any():
        notes[-1] += f", hollow where p is not below {ALPHA:g} (not corrected for the number of tests)"
    notes[-1] += "."
    if (of_cells["size"] > 1).any():
        notes.append("Bar: median of a group.")
    notes += [interval_note(points, "encoding"), *_unit_notes(shown, left_out)]
    from plotnine import labs

    return dressed(
        plot + labs(x="", y=f"{voxel_score_name(is_normalised=is_normalised)}, mean over subjects"),
        body,
        what,
        styles=styles,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=rows.remark,
        notes=notes,
        left_out=rows.left_out,
    )


def encoding_beside_rsa(
    encoding: pl.DataFrame,
    *,
    protocol: str,
    group_by: str = "model_type",
    source: str = "",
    width: float = WIDTH,
    score: str = AXIS,
) -> ggplot:
    """One panel per region: a point per network, its encoding against its alignment by RSA.

    Parameters
    ----------
    encoding : as of `encoding_by_region`, with rho (null where the network has no RSA there).
    source : data set and split, shown if there are no rows. width : inches.
    score : name of the scores of RSA on the axis.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = "Voxel encoding beside RSA"
    if not encoding.is_empty():
        need_columns(encoding, "encoding", ["rho"])
    rows = rows_to_draw(encoding, "encoding", protocol, values=["score", "rho"])
    if rows.frame.is_empty():
        why = NO_VOXELS if encoding.is_empty() else "no network has both an encoding and RSA"
        return no_rows(what, protocol=protocol, remark=rows.remark, source=source, why=why, width=width)
    shown, left_out, styles = _grouped(rows, group_by)
    names = ordered_regions(shown)["roi"].to_list()
    points = shown.with_columns(
        pl.col("group").cast(pl.Enum(list(styles))), pl.col("roi").cast(pl.String).cast(pl.Enum(names))
    ).sort("roi", "group", "model")
    plot, body = _against_rsa(points, styles, len(names), width)
    is_normalised = bool(shown["is_normalised"].all())
    from plotnine import labs

    return dressed(
        plot
        + labs(
            x=f"RSA: {score} of the layer that aligns best",
            y=f"encoding: {voxel_score_name(is_normalised=is_normalised)}",
        ),
        body,
        what,
        styles=styles,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=rows.remark,
        notes=[
            rows.counts,
            "A point is a network. Its two layers may differ, and the two scores have no common scale.",
            *(["Encoding is scored on the test stimuli, RSA on all."] if _has_split(shown) else []),
            *_unit_notes(shown, left_out),
        ],
        left_out=rows.left_out,
    )


def _grouped(rows: Rows, group_by: str) -> tuple[pl.DataFrame, list[str], dict[str, Style]]:
    """The rows in one unit with their groups, the regions that are left out, and the styles of the groups."""
    columns = ["model", "is_normalised", "chosen_on", "p_value", "lower", "upper", "mean_by_chance"]
    need_columns(rows.frame, "encoding", [*columns, "level", "resampled", "group_median"])
    shown, left_out = in_one_unit(with_group(rows.frame, "encoding", group_by))
    return shown, left_out, group_styles(shown["group"].unique())


def _unit_notes(shown: pl.DataFrame, left_out: list[str]) -> list[str]:
    notes = []
    if shown["is_normalised"].all():
        notes.append("Normalised r: median over voxels of r divided by the voxel's noise ceiling.")
    if not _by_chance(shown).is_empty():
        notes.append("Dotted: mean score under permutations; over folds, chance is not 0.")
    return [*notes, *filter(None, [without_ceilings_note(left_out)])]


def _has_split(shown: pl.DataFrame) -> bool:
    return bool((shown["chosen_on"] == "train").any())


def _by_chance(shown: pl.DataFrame) -> pl.DataFrame:
    """The rows of encodings over folds, where chance is not 0."""
    return shown.filter(chosen_on="folds").drop_nulls("mean_by_chance")


def _chance_segments(points: pl.DataFrame) -> list[Any]:
    """A dotted line at chance in each region where it is not 0."""
    import plotnine as p9

    found = _by_chance(points).unique("roi", keep="first", maintain_order=True)
    if found.is_empty():
        return []
    ends = found.with_columns(left=pl.col("x") - BAND, right=pl.col("x") + BAND)
    line = p9.aes(x="left", xend="right", y="mean_by_chance", yend="mean_by_chance")
    return [p9.geom_segment(line, data=ends, inherit_aes=False, **CHANCE)]


def _against_rsa(
    points: pl.DataFrame, styles: Mapping[str, Style], n_panels: int, width: float
) -> tuple[ggplot, float]:
    import plotnine as p9

    abreast = min(n_panels, 4 if width >= NARROW else 2)
    counts = dict(points.group_by("group").agg(pl.col("model").n_unique()).iter_rows())
    chance = _by_chance(points).unique("roi", keep="first", maintain_order=True)
    lines = [p9.geom_hline(p9.aes(yintercept="mean_by_chance"), data=chance, **CHANCE)]
    plot = p9.ggplot(points, p9.aes(x="rho", y="score"))
    plot += [
        house_theme(),
        p9.geom_hline(yintercept=0, color="#666666", size=0.4),
        p9.geom_vline(xintercept=0, color="#666666", size=0.4),
        *([] if chance.is_empty() else lines),
        p9.geom_point(p9.aes(color="group", shape="group", fill="group"), size=1.6, alpha=0.85, stroke=0.25),
        p9.facet_wrap("roi", ncol=abreast),
        *group_scales(styles, counts, AESTHETICS, width),
        p9.theme(panel_grid_major_x=p9.element_line(color="#E4E4E4", size=0.5)),
    ]
    return plot, 0.6 + (PANEL + 0.25) * -(-n_panels // abreast)
