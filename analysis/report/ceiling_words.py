"""Sentences about scores beside the noise ceiling; weak brain data are called weak."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from alignhouse.analysis.figures.frames import listed
from alignhouse.analysis.report.leaderboard import share_in_percent
from alignhouse.analysis.report.tables import decimal


def reach_of_ceiling(best: pl.DataFrame, noise_ceiling: pl.DataFrame) -> str:
    """In how many regions the best network reaches the lower ceiling, and the region with the largest gap.

    Only regions with a reliable ceiling are counted; those with an unreliable one are named. Returns "" if
    nothing is known.

    Parameters
    ----------
    best, noise_ceiling : answers to the queries best_layer and noise_ceiling of one protocol.
    """
    if noise_ceiling.is_empty():
        return ""
    regions = best["roi"].cast(pl.String).unique().to_list()
    sentences = [_reach(best, noise_ceiling.filter("is_reliable"))]
    if weak := unreliable_regions(noise_ceiling, regions):
        to_say = "to say" if sentences[0] else "to say whether a network reaches the noise ceiling"
        sentences.append(
            f"The brain data of {listed(weak)} are too unreliable {to_say}: the lower noise ceiling is not "
            "reliably above chance."
        )
    return " ".join(filter(None, sentences))


def unreliable_regions(noise_ceiling: pl.DataFrame, regions: Sequence[str]) -> list[str]:
    """Those of `regions` whose noise ceiling was tested and is not reliably above chance, in stored order."""
    weak = noise_ceiling.filter(pl.col("is_reliable").not_(), pl.col("roi").cast(pl.String).is_in(regions))
    return weak["roi"].cast(pl.String).to_list()


def ceiling_of_group(regions: Sequence[str], noise_ceiling: pl.DataFrame, rho: float) -> str:
    """The end of a sentence: the mean lower ceiling of `regions`, and `rho` as a share of it.

    Returns "" if a region has no tested ceiling. If a ceiling is unreliable, the region is named instead.
    """
    if noise_ceiling.is_empty():
        return ""
    known = noise_ceiling.filter(pl.col("roi").cast(pl.String).is_in(regions)).drop_nulls(
        ["lower", "is_reliable"]
    )
    if known.height < len(regions):
        return ""
    if weak := unreliable_regions(known, regions):
        return f"; the brain data of {listed(weak)} are too unreliable for a noise ceiling"
    mean = float(known["lower"].to_numpy().mean())
    share = f", {share_in_percent(rho / mean)} of it" if rho > 0 else ""
    return f"; lower noise ceiling {decimal(mean)}{share}"


def _reach(best: pl.DataFrame, noise_ceiling: pl.DataFrame) -> str:
    top = best.group_by(pl.col("roi").cast(pl.String)).agg(pl.col("rho").max())
    lower = noise_ceiling.select(pl.col("roi").cast(pl.String), "lower").drop_nulls("lower")
    both = top.join(lower, on="roi").with_columns(short=pl.col("lower") - pl.col("rho")).sort("short", "roi")
    if both.is_empty():
        return ""
    reached, known = both.filter(pl.col("short") <= 0).height, both.height
    farthest = both.row(-1, named=True)
    where = f"in {farthest['roi']} by {decimal(farthest['short'])}"
    if known == 1:
        [roi] = both["roi"]
        if reached:
            return f"The best network of {roi} reaches its lower noise ceiling."
        return f"The best network of {roi} stays {decimal(farthest['short'])} below its lower noise ceiling."
    regions = f"{known} regions"
    if known < top.height:
        regions = f"{known} regions with a reliable ceiling"
    if reached == known:
        return f"The best network reaches the lower noise ceiling in all {regions}."
    of = f"in {reached} of {regions}" if reached else f"in none of the {regions}"
    return f"The best network reaches the lower noise ceiling {of}; it stays farthest below it {where}."
