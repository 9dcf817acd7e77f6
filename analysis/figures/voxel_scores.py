"""Rows of voxel encodings and variance partitions that one axis can show."""

from __future__ import annotations

import polars as pl

from alignhouse.analysis.figures.frames import listed


def in_one_unit(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The rows that can be compared with each other, and the regions that are left out.

    Scores that are divided by noise ceilings have another unit than others. If some are, the rest is left
    out: their regions have no voxel with a ceiling.

    Parameters
    ----------
    frame : with the columns roi and is_normalised, which has no null.
    """
    if frame.is_empty() or not frame["is_normalised"].any():
        return frame, []
    others = frame.filter(~pl.col("is_normalised"))["roi"].cast(pl.String).unique(maintain_order=True)
    return frame.filter("is_normalised"), others.to_list()


def without_ceilings_note(regions: list[str]) -> str:
    """A sentence on the regions that `in_one_unit` leaves out; "" for none."""
    return f"Left out, because no voxel has a noise ceiling: {listed(regions)}." if regions else ""
