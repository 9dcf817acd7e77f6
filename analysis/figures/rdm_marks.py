"""What stands on and beside pictures of RDMs: names of rows, borders of categories, and thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from alignhouse.analysis.figures.labels import shortened
from alignhouse.analysis.figures.rdm_conditions import MOST_LABELS, thumbnail_pixels

MOST_LETTERS = 14  # of a label beside a picture
GAP = 0.08  # between two thumbnails, as a share of their distance


@dataclass(frozen=True)
class Thumbnails:
    """A layer of thumbnails, and the margin that they take beside each picture, in cells."""

    layer: Any
    margin: float


def row_labels(conditions: pl.DataFrame, cell: int) -> dict[float, str]:
    """Position of a row -> the label beside it: categories at their middle, or the names of some stimuli."""
    if conditions["category"].null_count() == 0:
        blocks = conditions.group_by("category", maintain_order=True).agg(pl.col("place").mean())
        found, free = {}, -1.0
        for name, place in blocks.iter_rows():
            if place >= free:  # labels of small categories would overlap
                found[place] = name
                free = place + len(conditions) / (MOST_LABELS + 2)
    elif conditions["thumbnail"].null_count() == len(conditions):
        found = dict(conditions.filter("is_labelled").select("place", "stimulus").iter_rows())
    else:
        found = {}
    return {_at(place, cell): shortened(name, MOST_LETTERS) for place, name in found.items()}


def _at(place: float, cell: int) -> float:
    """The position of a condition's middle on an axis of cells."""
    return (place + 0.5) / cell - 0.5


def thumbnails_beside(
    conditions: pl.DataFrame, cell: int, shown: Sequence[str], titles: Sequence[str], edge: float
) -> Thumbnails | None:
    """Pictures of stimuli on the left of their rows and below their columns; None if there are none."""
    wanted = conditions.filter("is_labelled")
    step = len(conditions) / len(wanted) / cell
    # In equal distances, so that pictures neither overlap nor are cut off: half a stimulus aside at most.
    known = wanted.with_columns(at=(pl.int_range(pl.len()) + 0.5) * step - 0.5).drop_nulls("thumbnail")
    if known.is_empty():
        return None
    import plotnine as p9

    from alignhouse.analysis.figures.geom_pictures import geom_pictures

    outer = step / 2
    at = known.select("at", pl.int_range(pl.len()).alias("picture"))
    left = at.select(pl.lit(-0.5 - outer).alias("column"), pl.col("at").alias("row"), "picture")
    below = at.select(pl.col("at").alias("column"), pl.lit(edge + outer).alias("row"), "picture")
    places = _in_each(pl.concat([left, below]), shown, titles)
    layer = geom_pictures()(
        p9.aes(picture="picture"),
        data=places,
        pictures=[thumbnail_pixels(each) for each in known["thumbnail"]],
        side=step * (1 - GAP),
    )
    return Thumbnails(layer, step)


def borders(
    conditions: pl.DataFrame, cell: int, shown: Sequence[str], titles: Sequence[str], edge: float
) -> list[Any]:
    """White lines between categories."""
    if conditions["category"].null_count():
        return []
    import plotnine as p9

    starts = conditions.filter(pl.col("category").rle_id().diff() != 0)["place"]
    at = pl.DataFrame({"at": starts / cell - 0.5})
    rows = at.select(
        pl.lit(-0.5).alias("column"),
        pl.lit(edge).alias("column_end"),
        pl.col("at").alias("row"),
        pl.col("at").alias("row_end"),
    )
    columns = at.select(
        pl.col("at").alias("column"),
        pl.col("at").alias("column_end"),
        pl.lit(-0.5).alias("row"),
        pl.lit(edge).alias("row_end"),
    )
    lines = _in_each(pl.concat([rows, columns]), shown, titles)
    ends = p9.aes(xend="column_end", yend="row_end")
    return [p9.geom_segment(ends, data=lines, color="white", size=0.4)]


def _in_each(frame: pl.DataFrame, shown: Sequence[str], titles: Sequence[str]) -> pl.DataFrame:
    """The rows once for each picture."""
    pictures = pl.DataFrame({"title": pl.Series(shown, dtype=pl.Enum(titles))})
    return pictures.join(frame, how="cross")
