"""The conditions of pictures of RDMs: their order, categories and thumbnails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.condition_order import MOST_BEST_ORDER, clustered_order

# Takes stimuli, each with the sha256 of its file, or None if it is not recorded; returns RGB pictures
# (height, width, 3), uint8, of those that it has.
ReadPictures = Callable[[Mapping[str, str | None]], Mapping[str, NDArray[np.uint8]]]

MOST_LABELS = 12  # names or thumbnails along an axis; more would touch at 40 mm a panel
SMALLEST_CATEGORY = 3  # stimuli of a category on average; smaller ones order little
KINDS = ("action", "object", "scene")  # annotations that can be categories
SIDE = 64  # pixels of a thumbnail, which is printed 4 mm wide


def ordered_conditions(
    conditions: Sequence[str],
    mean_rdm: FloatArray,
    known: pl.DataFrame,
    read: ReadPictures | None = None,
) -> pl.DataFrame:
    """The conditions in the order in which pictures show them.

    They are ordered by category, if an annotation has categories of at least SMALLEST_CATEGORY stimuli on
    average, and in a category, or without categories, by hierarchical clustering.

    Parameters
    ----------
    conditions : names (n,) in the order of the RDM. mean_rdm : mean RDM of the regions (P,), NaN if unknown.
    known : of `sql/figures/drawn_stimuli.sql`. read : reads pictures of stimuli; None: no thumbnails.

    Returns
    -------
    One row per condition: place (from 0), stored_place (in `conditions`), stimulus, kind (of annotation) and
    category (both null without categories), order_words, is_labelled (every k-th), thumbnail (SIDE x SIDE x 3
    bytes, or null).

    Raises
    ------
    BadInput : `read` raises it.
    """
    kind, categories = _categories(conditions, known)
    clustered = np.empty(len(conditions), dtype=np.int64)
    clustered[clustered_order(mean_rdm)] = np.arange(len(conditions))
    frame = (
        pl.DataFrame(
            {
                "stimulus": list(conditions),
                "stored_place": np.arange(len(conditions)),
                "clustered": clustered,
                "category": pl.Series(categories, dtype=pl.String),
            }
        )
        .sort("category", "clustered")
        .drop("clustered")
        .with_row_index("place")
        .with_columns(
            pl.col("place").cast(pl.Int64),
            kind=pl.lit(kind, pl.String),
            order_words=pl.lit(_order_words(kind, len(conditions))),
            is_labelled=pl.col("place").is_in(every_few(len(conditions))),
        )
    )
    return frame.with_columns(thumbnail=_thumbnails(frame, known, read))


def every_few(number: int, most: int = MOST_LABELS) -> list[int]:
    """The places nearest to the middles of at most `most` equal parts of `number` places."""
    # As if every k-th were taken, so that distances in places are equal, or nearly.
    parts = -(-number // -(-number // most))
    return [int((part + 0.5) * number / parts) for part in range(parts)]


def thumbnail(picture: NDArray[np.uint8]) -> bytes:
    """The middle square of an RGB picture (height, width, 3), as SIDE x SIDE x 3 bytes."""
    from PIL import Image, ImageOps

    image = Image.fromarray(picture).convert("RGB")
    return ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.LANCZOS).tobytes()


def thumbnail_pixels(stored: bytes) -> NDArray[np.uint8]:
    """The pixels (SIDE, SIDE, 3) of a `thumbnail`."""
    return np.frombuffer(stored, dtype=np.uint8).reshape(SIDE, SIDE, 3)


def _categories(conditions: Sequence[str], known: pl.DataFrame) -> tuple[str | None, list[str | None]]:
    """The annotation with the fewest categories that are large enough, and the category of each condition."""
    fitting: dict[str, list[str | None]] = {}
    for kind in KINDS:
        of_stimuli: dict[str, str] = dict(known.select("stimulus", kind).drop_nulls().iter_rows())
        labels: list[str | None] = [of_stimuli.get(name) for name in conditions]
        n_categories = len(set(labels))
        if None not in labels and 1 < n_categories <= len(conditions) / SMALLEST_CATEGORY:
            fitting[kind] = labels
    if not fitting:
        return None, [None] * len(conditions)
    kind = min(fitting, key=lambda each: len(set(fitting[each])))
    return kind, fitting[kind]


def _order_words(kind: str | None, number: int) -> str:
    best = ", best order of leaves" if number <= MOST_BEST_ORDER else ""
    clustering = f"hierarchical clustering of the regions' mean RDM (average linkage{best})"
    if kind is None:
        return f"ordered by {clustering}"
    return f"ordered by the {kind} that annotators named most often, then by {clustering}"


def _thumbnails(frame: pl.DataFrame, known: pl.DataFrame, read: ReadPictures | None) -> pl.Series:
    if read is None:
        return pl.Series([None] * len(frame), dtype=pl.Binary)
    hashes: dict[str, Any] = dict(known.select("stimulus", "sha256").iter_rows())
    shown = frame.filter("is_labelled")["stimulus"].to_list()
    pictures = read({name: hashes.get(name) for name in shown})
    made = {name: thumbnail(pictures[name]) for name in shown if name in pictures}
    return pl.Series([made.get(name) for name in frame["stimulus"]], dtype=pl.Binary)
