"""Pictures of RDMs: regions, and the layers that align best with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from alignhouse.analysis.figures.frames import (
    need_columns,
    ordered_regions,
    remark_of,
    rows_to_draw,
)
from alignhouse.analysis.figures.labels import plain, whole_name
from alignhouse.analysis.figures.rdm_marks import borders, row_labels, thumbnails_beside
from alignhouse.analysis.figures.theme import (
    LETTER,
    LINE,
    NAME_LETTER,
    NARROW,
    POINTS,
    WIDTH,
    colour_bar,
    dressed,
    house_theme,
    letters,
    no_rows,
    panel_titles,
)

if TYPE_CHECKING:
    from plotnine import ggplot

PANELS_ABREAST, PANELS_ABREAST_WHEN_NARROW = 4, 2
COLOURS = "viridis"  # perceptually uniform, and safe for colour-blind readers
STRIP, TICK = 7, 6.5  # points
EMPTY = "\N{UNIT SEPARATOR}"  # begins the name of a place that stays empty


@dataclass(frozen=True)
class _Panels:
    """Titles of the pictures in their order, and pictures in a row.

    `titles` also has names of places that stay empty, so that layers begin on a new row.
    """

    titles: list[str]
    abreast: int


def rdm_pictures(
    pictures: pl.DataFrame,
    conditions: pl.DataFrame,
    *,
    protocol: str,
    source: str = "",
    width: float = WIDTH,
) -> ggplot:
    """The RDMs of regions, and below them those of the layers that align best with them, each once.

    Parameters
    ----------
    pictures, conditions : one row per cell, and one per condition, of
        `alignhouse.analysis.figures.rdm_frames.picture_frames`.
    source : data set and split, shown if there are no rows. width : inches.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = "RDMs of regions and of their best layers"
    rows = rows_to_draw(pictures, "pictures", protocol, values=[])
    if rows.frame.is_empty():
        return no_rows(what, protocol=protocol, remark=rows.remark, source=source, width=width)
    columns = ["panel", "name", "layer", "rois", "row", "column", "percentile", "n_conditions", "cell"]
    need_columns(pictures, "pictures", columns)
    need_columns(
        conditions,
        "conditions",
        ["place", "stimulus", "category", "order_words", "is_labelled", "thumbnail"],
    )
    conditions = conditions.sort("place")
    cell = int(rows.frame["cell"][0])
    labels = row_labels(conditions, cell)
    room = width - 0.15 - (max(map(len, labels.values()), default=0) * TICK * LETTER + 6) / POINTS
    cells, panels = _with_titles(rows.frame, width, room)
    plot, body = _plot(cells, conditions, panels, labels, room)
    return dressed(
        plot,
        body,
        what,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=remark_of(rows.frame),
        notes=[rows.counts, *_notes(conditions, cell)],
        left_out=rows.left_out,
    )


def _with_titles(frame: pl.DataFrame, width: float, room: float) -> tuple[pl.DataFrame, _Panels]:
    """The cells with their column `title`, and the pictures in order: regions, then layers."""
    regions = ordered_regions(frame)["roi"].to_list()
    most = PANELS_ABREAST if width >= NARROW else PANELS_ABREAST_WHEN_NARROW
    n_layers = frame.filter(panel=1).n_unique(["name", "layer"])
    abreast = min(most, max(len(regions), n_layers, 2))
    line = letters(room / abreast - 0.1, STRIP, NAME_LETTER)
    found = (
        frame.select(pl.col("panel", "name", "layer", "rois", "roi"))
        .unique(["panel", "name", "layer"])
        .with_columns(place=pl.col("roi").cast(pl.String).replace_strict(regions, range(len(regions))))
        .sort("panel", "place")
        .with_columns(
            title=pl.struct("name", "layer", "rois").map_elements(
                lambda row: _title(row, line), return_dtype=pl.String
            )
        )
    )
    # All titles have as many lines, so that each is next to its picture.
    lines = int(found["title"].str.count_matches("\n").to_numpy().max())
    found = found.with_columns(
        title=pl.col("title").map_elements(
            lambda title: "\n" * (lines - title.count("\n")) + title, return_dtype=pl.String
        )
    )
    of_regions, of_layers = (found.filter(panel=panel)["title"].to_list() for panel in (0, 1))
    # One region and its layer are side by side.
    missing = -len(of_regions) % abreast if len(found) > abreast else 0
    titles = [*of_regions, *(f"{EMPTY}{number}" for number in range(missing)), *of_layers]
    keys = ["panel", "name", "layer"]
    cells = frame.join(found.select(*keys, "title"), on=keys, nulls_equal=True)
    return cells.with_columns(pl.col("title").cast(pl.Enum(titles))), _Panels(titles, abreast)


def _title(row: dict[str, Any], line: int) -> str:
    """The name of a region; or network, layer, and the regions that the layer aligns best with."""
    if row["layer"] is None:
        return whole_name(row["name"], line)
    parts = (f"{row['name']}, {row['layer']}", f"best for {', '.join(row['rois'])}")
    return "\n".join(whole_name(part, line) for part in parts)


def _notes(conditions: pl.DataFrame, cell: int) -> list[str]:
    n = len(conditions)
    notes = [
        f"{n:,} × {n:,} stimuli, rows and columns of all RDMs {conditions['order_words'][0]};"
        " colour: rank of the dissimilarity (0 alike)."
    ]
    if cell > 1:
        notes.append(f"Each cell is the mean over {cell} × {cell} pairs.")
    wanted = conditions.filter("is_labelled")
    shown = len(wanted) - wanted["thumbnail"].null_count()
    if conditions["category"].null_count() == 0:
        notes.append("White lines separate categories.")
    if shown:
        of_all = "" if shown == n else f" {shown} of {n} stimuli are shown beside their rows and columns."
        notes.append(of_all.strip() or "The stimuli are shown beside their rows and columns.")
        if shown < len(wanted):
            notes.append(f"{len(wanted) - shown} more would be shown, but have no file in the folder.")
    elif conditions["category"].null_count():
        notes.append("Labels: " + ("stimuli." if len(wanted) == n else f"{len(wanted)} of the stimuli."))
    notes.append(
        "Regions: mean over subjects of ranked RDMs. Layers: of the network that aligns best, each once."
    )
    return notes


def _plot(
    cells: pl.DataFrame,
    conditions: pl.DataFrame,
    panels: _Panels,
    labels: dict[float, str],
    room: float,
) -> tuple[ggplot, float]:
    import plotnine as p9

    edge = float(cells["row"].to_numpy().max()) + 0.5
    cell = int(cells["cell"][0])
    shown = [title for title in panels.titles if not title.startswith(EMPTY)]
    thumbnails = thumbnails_beside(conditions, cell, shown, panels.titles, edge)
    margin = 0.0 if thumbnails is None else thumbnails.margin
    breaks = list(labels)
    plot = p9.ggplot(cells, p9.aes(x="column", y="row"))
    plot += [
        house_theme(),
        p9.geom_raster(p9.aes(fill="percentile")),
        *borders(conditions, cell, shown, panels.titles, edge),
        *([] if thumbnails is None else [thumbnails.layer]),
        p9.facet_wrap(
            "title",
            ncol=panels.abreast,
            drop=False,
            labeller=panel_titles(lambda title: "" if title.startswith(EMPTY) else plain(title)),
        ),
        p9.scale_fill_cmap(COLOURS, limits=(0, 1), breaks=[0, 0.5, 1], na_value="white", name="rank"),
        colour_bar(),
        p9.scale_y_reverse(
            expand=(0, 0),
            limits=(edge + margin, -0.5),
            breaks=breaks,
            labels=[plain(labels[each]) for each in breaks],
        ),
        p9.scale_x_continuous(expand=(0, 0), limits=(-0.5 - margin, edge), breaks=[]),
        p9.coord_fixed(expand=False),
        p9.labs(x="", y=""),
        p9.theme(
            axis_text_x=p9.element_blank(),
            axis_text_y=p9.element_text(size=TICK) if labels else p9.element_blank(),
            axis_title=p9.element_blank(),
            panel_grid_major_y=p9.element_blank(),
            strip_text=p9.element_text(size=STRIP, weight="bold", ha="left", ma="left"),
            legend_title=p9.element_text(size=8),
            panel_spacing_x=0.01,
            panel_spacing_y=0.03,
        ),
    ]
    n_rows = -(-len(panels.titles) // panels.abreast)
    title = (panels.titles[0].count("\n") + 1) * STRIP * LINE / POINTS
    return plot, 0.55 + n_rows * (room / panels.abreast + 0.14 + title)
