"""Sentences about the variance of voxels that networks and control models explain.

Each function takes rows of one encoding, data set and split and returns a sentence, or "" without results.
"""

from __future__ import annotations

import polars as pl

from alignhouse.analysis.figures.frames import how_many, listed
from alignhouse.analysis.figures.labels import over_others
from alignhouse.analysis.figures.theme import percent_of
from alignhouse.analysis.figures.voxel_scores import in_one_unit, without_ceilings_note
from alignhouse.analysis.report.tables import decimal


def partition_in_words(parts: pl.DataFrame) -> list[str]:
    """The sentences about one variance partition; `parts` is the answer to the query variance_partition.

    If shares of some regions are divided by noise ceilings, the others are named and left out, because they
    have another unit.
    """
    if parts.is_empty():
        return []
    rows, left_out = in_one_unit(parts.drop_nulls(["unique_network", "unique_controls"]))
    sentences = [controls_left_out(parts)]
    if not rows.is_empty():
        sentences = [
            given_controls(rows),
            *(unique_part(rows, column) for column in ("unique_network", "unique_controls")),
            worse_together(rows),
            *sentences,
            without_ceilings_note(left_out),
        ]
    return [sentence for sentence in sentences if sentence]


def given_controls(parts: pl.DataFrame) -> str:
    """The numbers of networks and regions, and the controls."""
    networks, regions = parts["model"].n_unique(), parts["roi"].n_unique()
    first = parts.row(0, named=True)
    controls = f"{how_many(first['n_controls'], 'control model')} ({first['controls']})"
    return f"{how_many(networks, 'network')}, {how_many(regions, 'region')}, beside {controls}."


def unique_part(parts: pl.DataFrame, column: str) -> str:
    """How many intervals of a unique part are above and below 0, and the largest part.

    `column` is "unique_network" or "unique_controls".
    """
    whose = "a network" if column == "unique_network" else "the controls"
    known = parts.drop_nulls([f"{column}_lower", f"{column}_upper"])
    largest = _largest(parts, column)
    if known.is_empty():
        return f"No interval of the variance that is unique to {whose} is known; {largest}."
    above = known.filter(pl.col(f"{column}_lower") > 0).height
    below = known.filter(pl.col(f"{column}_upper") < 0).height
    over = over_others(*known["resampled"].unique())
    return (
        f"The variance that is unique to {whose} is above 0 in {above or 'none'} and below 0 in "
        f"{below or 'none'} of {how_many(known.height, 'case')} ({percent_of(known['level'][0])} "
        f"intervals{over}, not corrected for the number of cases); {largest}."
    )


def worse_together(parts: pl.DataFrame) -> str:
    """In how many cases the joint model predicts worse than one set alone; "" for none."""
    worse = parts.filter(pl.min_horizontal("unique_network", "unique_controls") < 0).height
    if not worse:
        return ""
    return (
        f"In {worse:,} of {how_many(parts.height, 'case')}, the joint model predicts worse than the network "
        "or the controls alone, so one unique part is below 0."
    )


def controls_left_out(parts: pl.DataFrame) -> str:
    """Which controls were left out and why; that nothing is known if all were."""
    reasons = parts["reason"].cast(pl.String).unique().sort().to_list()
    told = [f"Controls {each}." for each in reasons if each]
    if parts["unique_network"].is_null().all():
        return " ".join(["No variance was partitioned.", *told])
    return " ".join(told)


def _largest(parts: pl.DataFrame, column: str) -> str:
    first = parts.filter(pl.col(column) == pl.col(column).max()).sort("model", "roi")
    top = first.row(0, named=True)
    of = "of the explainable variance" if top["is_normalised"] else "of the variance"
    by_network = column == "unique_network"
    pairs = [
        f"{row['model']} in {row['roi']}" if by_network else f"{row['roi']}, beside {row['model']}"
        for row in first.iter_rows(named=True)
    ]
    where = f"that of {listed(pairs)}" if by_network else f"in {listed(pairs)}"
    lower, upper = top[f"{column}_lower"], top[f"{column}_upper"]
    bounds = ""
    if first.height == 1 and lower is not None:
        includes = ", which includes 0" if lower <= 0 <= upper else ""
        bounds = f", interval {decimal(lower)} to {decimal(upper)}{includes}"
    return f"the largest is {where} ({decimal(top[column])} {of}{bounds})"
