"""Pictures of RDMs: regions, and the layers that align best with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from alignhouse.analysis.figures.frames import need_columns, ordered_regions, rows_to_draw
from alignhouse.analysis.figures.labels import plain, shortened
from alignhouse.analysis.figures.theme import (
    NAME_LETTER,
    NARROW,
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

PAIRS_ABREAST, PAIRS_ABREAST_WHEN_NARROW = 4, 2
COLOURS = "viridis"  # perceptually uniform, and safe for colour-blind readers
STRIP = 7  # points
SEPARATOR = "\N{UNIT SEPARATOR}"  # between a panel's place and its title


def rdm_pictures(pictures: pl.DataFrame, *, protocol: str, source: str = "", width: float = WIDTH) -> ggplot:
    """The RDM of each region, and below it the RDM of the layer that aligns best with the region.

    Parameters
    ----------
    pictures : one row per cell, of `alignhouse.analysis.figures.rdm_frames.picture_frames`.
    source : data set and split, shown if there are no rows. width : inches.

    Raises
    ------
    BadInput : a column is missing, a value is NaN, or the rows mix data sets or splits.
    """
    what = "RDMs of regions and of their best layers"
    rows = rows_to_draw(pictures, "pictures", protocol, values=[])
    if rows.frame.is_empty():
        return no_rows(what, protocol=protocol, remark=rows.remark, source=source, width=width)
    need_columns(
        pictures, "pictures", ["panel", "title", "row", "column", "percentile", "n_conditions", "cell"]
    )
    regions = ordered_regions(rows.frame)["roi"].to_list()
    abreast = min(len(regions), PAIRS_ABREAST if width >= NARROW else PAIRS_ABREAST_WHEN_NARROW)
    # Rows alternate: some regions, then their layers, then the next regions.
    turn = pl.col("roi").cast(pl.String).replace_strict({roi: i // abreast for i, roi in enumerate(regions)})
    order = rows.frame.unique(["roi", "panel"], maintain_order=True).with_columns(
        turn=turn, place=pl.col("roi").cast(pl.String).cast(pl.Enum(regions)).to_physical()
    )
    keys = order.sort("turn", "panel", "place").select(
        key=pl.concat_str("roi", "panel", "title", separator=SEPARATOR)
    )["key"]
    cells = rows.frame.with_columns(
        key=pl.concat_str("roi", "panel", "title", separator=SEPARATOR).cast(pl.Enum(keys))
    )
    plot, body = _plot(cells, abreast, len(keys), width)
    n, side = int(cells["n_conditions"][0]), int(cells["cell"][0])
    notes = [
        rows.counts,
        f"{n} × {n} stimuli in their stored order; colour: rank of the dissimilarity (0 alike).",
    ]
    if side > 1:
        notes.append(f"Each cell is the mean over {side} × {side} pairs.")
    notes.append("Regions: mean over subjects of ranked RDMs. Layers: of the network that aligns best.")
    return dressed(
        plot,
        body,
        what,
        width=width,
        protocol=protocol,
        source=rows.source,
        remark=rows.remark,
        notes=notes,
        left_out=rows.left_out,
    )


def _plot(cells: pl.DataFrame, abreast: int, n_panels: int, width: float) -> tuple[ggplot, float]:
    import plotnine as p9

    room = letters(width / abreast - 0.1, STRIP, NAME_LETTER)
    edge = float(cells["row"].to_numpy().max())
    plot = p9.ggplot(cells, p9.aes(x="column", y="row", fill="percentile"))
    plot += [
        house_theme(),
        p9.geom_raster(),
        p9.facet_wrap("key", ncol=abreast, labeller=panel_titles(lambda key: _title(key, room))),
        p9.scale_fill_cmap(COLOURS, limits=(0, 1), breaks=[0, 0.5, 1], na_value="white", name="rank"),
        colour_bar(),
        p9.scale_y_reverse(expand=(0, 0)),
        p9.scale_x_continuous(expand=(0, 0)),
        p9.coord_fixed(xlim=(-0.5, edge + 0.5), expand=False),
        p9.labs(x="", y=""),
        p9.theme(
            axis_text=p9.element_blank(),
            panel_grid_major_y=p9.element_blank(),
            strip_text=p9.element_text(size=STRIP, weight="bold", ha="left"),
            legend_title=p9.element_text(size=8),
            panel_spacing_x=0.01,
            panel_spacing_y=0.015,
        ),
    ]
    n_rows = -(-n_panels // abreast)
    return plot, 0.55 + n_rows * ((width - 0.15) / abreast + 0.13)


def _title(key: str, room: int) -> str:
    return plain(shortened(key.split(SEPARATOR)[2], room))
