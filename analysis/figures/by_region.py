"""Shared parts of figures with a panel per region group and, in each region, a point per network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.frames import Rows, need_columns, rows_to_draw
from alignhouse.analysis.figures.labels import Style, over_others, plain
from alignhouse.analysis.figures.theme import NARROW, WIDTH, group_scales, house_theme, percent_of
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    from plotnine import element_text, ggplot

AESTHETICS = ("color", "shape", "fill")  # what distinguishes groups
SPREAD = 0.8  # share of a region's width that its groups take
BAND = 0.46  # half the width of a region's noise ceiling, in regions
MOST_REGIONS_ABREAST = 7
MOST_LINES = 8  # more intervals of one group and region would hide one another
CROWD = 12  # groups of more networks than this are drawn with small, pale points
LETTER = 0.075  # inches per letter of a region's name, including its share of the gap
ALPHA = 0.05  # p below which a network, a group or a pair is marked
PANEL = 2.2  # inches of height
STAR_GAP = 0.03  # of the height of a panel, from a point to the line of text of its stars
STAR_SIZE = 6.5  # points
STAR_WIDTH = 0.048  # inches
STAR_LINE, STAR_STEP = 0.06, 0.03  # of the height of a panel: a line of text, and each star stacked on it
MOST_GROUPS_OF_STARS = 6  # more groups would have stars narrower than the points
STEPS = ((0.001, "***"), (0.01, "**"), (ALPHA, "*"))


def stars(p: float | None) -> str:
    """*, ** or *** for p below .05, .01 or .001; "" for larger p and for None."""
    return next((mark for bound, mark in STEPS if p is not None and p < bound), "")


def placed(
    grouped: pl.DataFrame, regions: pl.DataFrame, groups: Sequence[str], value: str = "rho"
) -> pl.DataFrame:
    """Add the x positions `centre` (of the group) and `at` (of the row) on an axis of all regions.

    Parameters
    ----------
    grouped : a row per network, region and group: model, roi, group and `value`; other columns are kept.
    regions : of `ordered_regions`. groups : in drawing order.
    """
    place = pl.col("group").cast(pl.Enum(groups)).to_physical().cast(pl.Int64)
    width = SPREAD / len(groups)
    points = (
        grouped.drop("roi_group", "roi_order")
        .with_columns(pl.col("model", "roi").cast(pl.String))
        .join(regions, on="roi")
        .with_columns(
            pl.col("group").cast(pl.Enum(groups)),
            centre=pl.col("x") + (place - (len(groups) - 1) / 2) * width,
            in_cell=pl.len().over("roi", "group"),
        )
        .sort("x", "group", value, "model")
        .with_columns(nth=pl.int_range(1, pl.len() + 1).over("roi", "group"))
    )
    offsets = [(_scatter(nth) - 0.5) * width * 0.7 for nth in points["nth"]]
    return points.with_columns(at=pl.col("centre") + pl.Series(offsets, dtype=pl.Float64))


def _scatter(nth: int) -> float:
    """The nth number, from 1, of van der Corput's sequence in (0, 1), which separates neighbouring ranks."""
    value, step = 0.0, 0.5
    while nth:
        value += step * (nth & 1)
        nth, step = nth >> 1, step / 2
    return value


def ceiling_rows(noise_ceiling: pl.DataFrame, protocol: str, source: str) -> Rows:
    """The noise ceilings of a protocol, on the same data set and split as the scores (`source`).

    Raises
    ------
    BadInput : as of `rows_to_draw`, or the ceilings are of other stimuli than the scores.
    """
    ceilings = rows_to_draw(noise_ceiling, "noise_ceiling", protocol, values=[])
    if "" not in (source, ceilings.source) and ceilings.source != source:
        raise BadInput("noise_ceiling", expected=source, found=ceilings.source, hint="filter the frame first")
    return ceilings


def region_bounds(ceilings: pl.DataFrame, regions: pl.DataFrame) -> pl.DataFrame:
    """A row per drawn region: `lower`, `upper`, `is_reliable`, and the band's `left` and `right` edge."""
    if ceilings.is_empty():
        return pl.DataFrame()
    need_columns(ceilings, "noise_ceiling", ["lower", "upper", "is_reliable"])
    return (
        ceilings.select(
            pl.col("roi").cast(pl.String), pl.col("lower", "upper").cast(pl.Float64), "is_reliable"
        )
        .filter(pl.any_horizontal(pl.col("lower", "upper").is_not_null()))
        .join(regions, on="roi")
        .with_columns(left=pl.col("x") - BAND, right=pl.col("x") + BAND)
        .sort("x")
    )


def cells(points: pl.DataFrame, value: str = "rho") -> pl.DataFrame:
    """A row per group and region: `centre`, `left`, `right`, `top` of its points, `size`, shared columns."""
    half = SPREAD / points["group"].n_unique() * 0.42 if not points.is_empty() else 0.0
    shared = [name for name in ("group_median", "group_p") if name in points.columns]
    return (
        points.group_by("roi", "roi_group", "x", "group", "centre")
        .agg(
            pl.col(value).max().alias("top"),
            pl.len().alias("size"),
            *(pl.col(name).first() for name in shared),
        )
        .with_columns(left=pl.col("centre") - half, right=pl.col("centre") + half)
        .sort("x", "group")
    )


def panels(
    points: pl.DataFrame,
    layers: Sequence[Any],
    regions: pl.DataFrame,
    styles: dict[str, Style],
    *,
    value: str = "rho",
    width: float = WIDTH,
    counts: dict[str, int] | None = None,
) -> tuple[ggplot, float]:
    """The plot of `layers` in panels of region groups, and the height of its panels in inches."""
    import plotnine as p9

    n_panels = regions["roi_group"].n_unique()
    n_columns = _panels_abreast(regions, width)
    if counts is None:
        counts = dict(points.group_by("group").agg(pl.col("model").n_unique()).iter_rows())
    edges = pl.concat([regions.with_columns(pl.col("x") + side) for side in (-0.5, 0.5)])
    plot = p9.ggplot(points, p9.aes(x="at", y=value))
    plot += [
        house_theme(),
        p9.geom_blank(p9.aes(x="x"), data=edges.with_columns(pl.lit(0.0).alias(value))),
        *layers,
        p9.facet_wrap("roi_group", ncol=n_columns, scales="free_x"),
        p9.scale_x_continuous(
            breaks=regions["x"].to_list(), labels=[plain(roi) for roi in regions["roi"]], expand=(0, 0.05)
        ),
        *group_scales(styles, counts, AESTHETICS, width),
        p9.theme(
            axis_text_x=_region_text(regions, n_columns, width),
            panel_spacing_y=0.02 if n_columns > 1 else 0.04,
        ),
    ]
    return plot, 0.45 + PANEL * -(-n_panels // n_columns)


def ceiling_layers(bounds: pl.DataFrame, lines: Sequence[str] = ("lower", "upper")) -> list[Any]:
    """A band between the two bounds, and lines at those in `lines`; a region with one bound has no band.

    An unreliable ceiling has its dashed frame only.
    """
    import plotnine as p9

    if bounds.is_empty():
        return []
    both = bounds.drop_nulls(["lower", "upper"])
    layers = ceiling_bands(both, p9.aes(xmin="left", xmax="right", ymin="lower", ymax="upper"))
    framed = _weak(bounds) & bounds["lower"].is_not_null() & bounds["upper"].is_not_null()
    for bound in lines:
        known = bounds.filter(~framed).drop_nulls(bound)
        line = p9.aes(x="left", xend="right", y=bound, yend=bound)
        if not known.is_empty():
            layers.append(p9.geom_segment(line, data=known, inherit_aes=False, color="#8C8C8C", size=0.4))
    return layers


def ceiling_bands(bounds: pl.DataFrame, edges: Any, **fixed: float) -> list[Any]:
    """A grey band per noise ceiling; only a dashed frame if it is known not to be reliable.

    Parameters
    ----------
    bounds : a row per band, with `is_reliable`. edges : the aesthetics of its edges. fixed : edges that all
        bands share.
    """
    import plotnine as p9

    if bounds.is_empty():
        return []
    weak = _weak(bounds)
    looks: list[tuple[pl.DataFrame, dict[str, Any]]] = [
        (bounds.filter(~weak), {"fill": "#DADADA"}),
        (bounds.filter(weak), {"fill": "#00000000", "color": "#8C8C8C", "linetype": "dashed", "size": 0.35}),
    ]
    return [
        p9.geom_rect(edges, data=some, inherit_aes=False, **fixed, **look)
        for some, look in looks
        if not some.is_empty()
    ]


def ceiling_note(bounds: pl.DataFrame, grey: str, protocol: str | None = None) -> str:
    """What the bands of noise ceilings mean.

    Parameters
    ----------
    grey : describes a reliable ceiling. protocol : of the ceilings, in a figure of several protocols.
    """
    if bounds.is_empty():
        return "There is no noise ceiling."
    weak = _weak(bounds)
    dashed = "noise ceiling that is not reliably above chance"
    notes = [] if weak.all() else [f"Grey: {grey}."]
    if weak.any():
        notes.append(f"Dashed: {dashed}.")
    if protocol:
        notes.append(f"This is the ceiling of the {protocol} protocol.")
    return " ".join(notes)


def _weak(bounds: pl.DataFrame) -> pl.Series:
    """Whether each ceiling was tested and is not reliable."""
    return bounds["is_reliable"].fill_null(True).not_()


def zero_line() -> Any:
    """The line at 0."""
    import plotnine as p9

    return p9.geom_hline(yintercept=0, color="#666666", size=0.4)


def network_layers(points: pl.DataFrame, *, hollow: bool = True) -> list[Any]:
    """A point per network, small and pale in large groups; with `hollow`, hollow if p is not below ALPHA."""
    import plotnine as p9

    size, alpha = (1.5, 0.9) if int(points["in_cell"].to_numpy().max()) <= CROWD else (0.9, 0.6)
    tested = hollow and "p_value" in points.columns and points["p_value"].is_not_null().any()
    found = pl.col("p_value").fill_null(1.0) < ALPHA if tested else pl.lit(True)
    filled, open_ = points.filter(found), points.filter(~found)
    layers: list[Any] = []
    if not filled.is_empty():
        look = p9.aes(color="group", shape="group", fill="group")
        layers.append(p9.geom_point(look, data=filled, size=size, alpha=alpha, stroke=0.25))
    if not open_.is_empty():
        look = p9.aes(color="group", shape="group")
        layers.append(
            p9.geom_point(
                look,
                data=open_,
                size=size,
                alpha=alpha,
                stroke=0.35,
                fill="white",
                show_legend=filled.is_empty(),
            )
        )
    return layers


def median_layers(of_cells: pl.DataFrame) -> list[Any]:
    """A bar at the median of each group of two networks or more."""
    import plotnine as p9

    if "group_median" not in of_cells.columns:
        return []
    bars = of_cells.filter(pl.col("size") > 1).drop_nulls("group_median")
    if bars.is_empty():
        return []
    line = p9.aes(x="left", xend="right", y="group_median", yend="group_median")
    return [p9.geom_segment(line, data=bars, inherit_aes=False, color="#111111", size=0.9)]


def interval_layers(points: pl.DataFrame) -> list[Any]:
    """A vertical line from `lower` to `upper` of each row, in the colour of its group; see `has_lines`."""
    import plotnine as p9

    known = points.drop_nulls(["lower", "upper"])
    if known.is_empty() or not has_lines(points):
        return []
    look = p9.aes(x="at", xend="at", y="lower", yend="upper", color="group")
    return [p9.geom_segment(look, data=known, inherit_aes=False, size=0.45, alpha=0.75, show_legend=False)]


def has_lines(points: pl.DataFrame) -> bool:
    """Whether the intervals of all points can be drawn apart."""
    return int(points["in_cell"].to_numpy().max()) <= MOST_LINES


def interval_note(points: pl.DataFrame, table: str) -> str:
    """What the lines of `interval_layers` mean, or why there are none. `table` has the intervals."""
    known = points.drop_nulls(["lower", "upper", "level"])
    if known.is_empty():
        return "No intervals are known."
    if not has_lines(points):
        return f"Too many networks for lines: the table {table} has the intervals."
    return f"Line: {interval_in_words(known)}."


def interval_in_words(known: pl.DataFrame, kind: str = "interval") -> str:
    """What the intervals of these rows are: "95 % interval over other stimuli"."""
    return f"{percent_of(known['level'][0])} {kind}{over_others(*known['resampled'].unique())}"


def group_room(regions: pl.DataFrame, n_groups: int, width: float) -> float:
    """The inches across the place of one group in a region."""
    most = int(regions["slot"].to_numpy().max()) + 1
    return _panel_room(_panels_abreast(regions, width), width) / most * SPREAD / n_groups


def starred(of_cells: pl.DataFrame, height: float, room: float) -> pl.DataFrame:
    """Add the stars of each `group_p`, `mark`, their lower edge `y`, and `reach`, the upper edge of the cell.

    Parameters
    ----------
    of_cells : of `cells`. height : of a panel in the data's units. room : of `group_room`; if the stars of a
        group are wider, all stars are stacked.
    """
    has_stars = "group_p" in of_cells.columns and of_cells["group"].n_unique() <= MOST_GROUPS_OF_STARS
    marks = [stars(p) for p in of_cells["group_p"]] if has_stars else [""] * of_cells.height
    stacked = STAR_WIDTH * max(map(len, marks)) > room
    steps = [STAR_STEP * (len(mark) - 1) if stacked else 0.0 for mark in marks]
    above = [STAR_GAP + STAR_LINE + step if mark else 0.0 for mark, step in zip(marks, steps, strict=True)]
    return of_cells.with_columns(
        mark=pl.Series(["\n".join(mark) if stacked else mark for mark in marks], dtype=pl.String),
        y=pl.col("top") + STAR_GAP * height,
        reach=pl.col("top") + pl.Series(above, dtype=pl.Float64) * height,
    )


def star_layers(of_cells: pl.DataFrame) -> list[Any]:
    """The stars of `starred`, above the points of their groups; the axis has room for them."""
    import plotnine as p9

    marked = of_cells.filter(pl.col("mark") != "")
    if marked.is_empty():
        return []
    look = p9.aes(x="centre", y="y", label="mark")
    text = {"size": STAR_SIZE, "va": "bottom", "lineheight": STAR_STEP / STAR_LINE, "color": "#111111"}
    return [
        p9.geom_text(look, data=marked, inherit_aes=False, **text),
        p9.geom_blank(p9.aes(x="centre", y="reach"), data=marked, inherit_aes=False),
    ]


def _panels_abreast(regions: pl.DataFrame, width: float) -> int:
    few = int(regions["slot"].to_numpy().max()) < MOST_REGIONS_ABREAST
    return min(2, regions["roi_group"].n_unique()) if few and width >= NARROW else 1


def _panel_room(n_columns: int, width: float) -> float:
    """The inches across a panel."""
    return (width - 0.8) / n_columns


def _region_text(regions: pl.DataFrame, n_columns: int, width: float) -> element_text:
    from plotnine import element_text

    room = _panel_room(n_columns, width)
    needed = (
        regions.select((pl.col("roi").str.len_chars().max() * pl.len()).over("roi_group").max()).item()
        * LETTER
    )
    return element_text(rotation=35, ha="right") if needed > room else element_text()
