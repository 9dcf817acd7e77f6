"""Sentences about the best layers, and the table of the best network of each region.

Each function takes rows of one protocol, data set and split and returns a sentence, or "" without results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from alignhouse.analysis.figures.frames import (
    WITHOUT_GROUPS,
    how_many,
    listed,
    ordered_regions,
    subjects_in_words,
)
from alignhouse.analysis.figures.score_names import SCORE
from alignhouse.analysis.report.ceiling_words import ceiling_of_group, reach_of_ceiling
from alignhouse.analysis.report.content import Results
from alignhouse.analysis.report.control_words import (
    best_controls,
    beyond_controls_in_words,
    frame_orders_in_words,
)
from alignhouse.analysis.report.statistics_words import (
    complexity_in_words,
    group_differences,
    largest_group_difference,
    layer_choices,
    significant_layers,
)
from alignhouse.analysis.report.tables import decimal, p_equals

# The part of `sentences` that repeats others.
ANSWER = "answer"
# Column of the table of best networks -> column of the noise ceilings.
CEILING_COLUMNS = {
    "ceiling_lower": pl.col("lower"),
    "ceiling_upper": pl.col("upper"),
    "ceiling_p": pl.col("p_value"),
}


def summary(results: Results) -> list[str]:
    """The sentences about the results of one protocol, each once; [] without rows."""
    return [each for part, said in sentences(results).items() if part != ANSWER for each in said]


def sentences(results: Results) -> dict[str, list[str]]:
    """The sentences about the results of one protocol by their part of the report; {} without rows.

    The answer repeats sentences of the other parts, three at most: the best network, how near it comes to
    the noise ceiling, and, in brief, what sets networks apart.
    """
    best = results.best_layer
    best = best if best.is_empty() else best.drop_nulls("rho")
    if best.is_empty():
        return {}
    ceiling, score = results.noise_ceiling, results.score
    mean_rank, top = best_mean_rank(results.leaderboard), highest(best, score)
    reach, significant = reach_of_ceiling(best, ceiling), significant_layers(best)
    depth, difference = depths(best), largest_group_difference(results.group_comparison, score)
    complexity = complexity_in_words(results.complexity)
    parts = {
        "data": [size(best, ceiling)],
        ANSWER: _answer(
            mean_rank if can_be_ranked(results.leaderboard) else top,
            reach or significant,
            difference,
            others=[significant, top, depth, *complexity],
        ),
        "regions": [mean_rank, top, *best_of_groups(best, ceiling, score), reach, significant],
        "groups": group_differences(results.group_comparison, score),
        "depth": [depth, layer_choices(results.layer_choice, score)],
        "explains": [
            *complexity,
            best_controls(results.controls),
            beyond_controls_in_words(results.beyond_controls),
            *frame_orders_in_words(results.frame_order),
        ],
    }
    return {part: [sentence for sentence in said if sentence] for part, said in parts.items()}


def _answer(*wanted: str, others: Sequence[str]) -> list[str]:
    """The wanted sentences that exist; each that does not is replaced by one of the others."""
    missing = wanted.count("")
    found = list(filter(None, wanted))
    return found + [each for each in dict.fromkeys(others) if each and each not in found][:missing]


def size(best: pl.DataFrame, noise_ceiling: pl.DataFrame) -> str:
    """The numbers of networks, regions and subjects."""
    networks, regions = best["model"].n_unique(), best["roi"].n_unique()
    subjects = "".join(f", {each}" for each in [subjects_in_words(noise_ceiling)] if each)
    return f"{how_many(networks, 'network')}, {how_many(regions, 'region')}{subjects}."


def can_be_ranked(leaderboard: pl.DataFrame) -> bool:
    """Whether several networks have a score in all regions, so that their mean ranks can be compared."""
    if leaderboard.is_empty():
        return False
    return leaderboard.filter(pl.col("n_regions") == pl.col("n_regions").max())["model"].n_unique() > 1


def best_mean_rank(leaderboard: pl.DataFrame) -> str:
    """The network with the best mean rank over regions; a single network cannot be ranked."""
    if leaderboard.is_empty():
        return ""
    most = leaderboard["n_regions"].max()
    complete = leaderboard.filter(pl.col("n_regions") == most)
    means = complete.unique("model").sort("mean_place", "model")
    networks = leaderboard["model"].n_unique()
    if networks == 1:
        return f"There is a single network, {means['model'][0]}: it cannot be ranked."
    if means.height == 1:
        only, regions = means["model"][0], means["n_regions"][0]
        return f"Only {only} has a score in all {regions} regions: mean ranks cannot be compared."
    first = means.filter(pl.col("mean_place") == means["mean_place"][0])["model"].cast(pl.String).to_list()
    place = f"{means['mean_place'][0]:.1f} of {networks}"
    over = (
        f"over {how_many(int(most), 'region')}"
        if isinstance(most, int) and most > 1
        else "in the only region"
    )
    if len(first) > 1:
        return f"{listed(first)} share the best mean rank ({place}) {over}."
    return f"{first[0]} has the best mean rank ({place}) {over}."


def highest(best: pl.DataFrame, score: str = SCORE) -> str:
    """The network, region and layer of the highest score, or the networks and regions that share it."""
    first = best.filter(pl.col("rho") == pl.col("rho").max()).sort("model", "roi")
    top = first.row(0, named=True)
    if first.height > 1:
        pairs = [f"{each['model']} with {each['roi']}" for each in first.iter_rows(named=True)]
        return f"The highest alignment is shared by {listed(pairs)} ({score} = {decimal(top['rho'])})."
    return (
        f"The highest alignment is that of {top['model']} with {top['roi']}, at layer "
        f"{top['layer']} ({score} = {decimal(top['rho'])}{_p(top)})."
    )


def best_of_groups(best: pl.DataFrame, noise_ceiling: pl.DataFrame, score: str = SCORE) -> list[str]:
    """A sentence per region group: the network of the highest mean score over its regions, and the ceiling.

    Networks that lack a score in one of the regions are ignored.
    """
    regions = ordered_regions(best)
    return [
        _best_of_group(
            group, regions.filter(pl.col("roi_group") == group)["roi"].to_list(), best, noise_ceiling, score
        )
        for group in regions["roi_group"].unique(maintain_order=True)
    ]


def depths(best: pl.DataFrame) -> str:
    """The region groups with the earliest and the latest best layers, by median depth."""
    if "depth" not in best.columns:
        return ""
    groups = ordered_regions(best).select("roi", group=pl.col("roi_group").cast(pl.String))
    medians = (
        best.drop_nulls("depth")
        .with_columns(pl.col("roi").cast(pl.String))
        .join(groups, on="roi")
        .group_by("group")
        # Depths that are printed alike are equal to a reader.
        .agg(pl.col("depth").median().round(2))
        .sort("depth", "group")
    )
    if medians.is_empty():
        return ""
    first, last = medians["depth"][0], medians["depth"][-1]
    scale = "on a scale from 0, the first layer, to 1, the last"
    if medians.height == 1:
        return f"The median depth of best layers is {first:.2f}, {scale}."
    if first == last:
        return f"The median depth of best layers is {first:.2f} in every region group, {scale}."
    earliest, latest = (
        listed(medians.filter(pl.col("depth") == depth)["group"].to_list()) for depth in (first, last)
    )
    return (
        f"Best layers lie earliest for {earliest} regions (median depth {first:.2f}) and "
        f"latest for {latest} regions ({last:.2f}), {scale}."
    )


def change_between(best_layer: pl.DataFrame, protocol: str, other: str, score: str = SCORE) -> str:
    """Sentences on how two protocols differ over the network-region pairs with scores under both; or ""."""
    if best_layer.is_empty():
        return ""
    pair = ["dataset", "split", "model", "roi"]
    sides = [
        best_layer.filter(pl.col("protocol").cast(pl.String) == name)
        .drop_nulls("rho")
        .select(pl.col(pair).cast(pl.String), pl.col("layer").cast(pl.String), pl.col("rho"))
        for name in (protocol, other)
    ]
    both = sides[0].join(sides[1], on=pair, suffix="_other")
    if both.is_empty():
        return ""
    difference = float((both["rho"] - both["rho_other"]).to_numpy().mean())
    same = (both["layer"] == both["layer_other"]).sum()
    amount = "less than 0.001" if abs(difference) < 0.001 else decimal(abs(difference))
    change = f"{amount} {'higher' if difference > 0 else 'lower'} under {protocol} than under {other}"
    if difference == 0:
        change = f"the same under {protocol} as under {other}"
    if both.height == 1:
        return (
            f"For the only pair of a network and a region that both protocols scored, {score} of the best "
            f"layer is {change}; the best layer is "
            f"{'the same' if same else 'another'}."
        )
    return (
        f"Over the {both.height:,} pairs of a network and a region that both protocols scored, {score} of "
        f"the best layer is on average {change}; "
        f"the best layer is the same in {same:,} of them.{_same_winners(both)}"
    )


def best_networks(best_layer: pl.DataFrame, noise_ceiling: pl.DataFrame) -> pl.DataFrame:
    """One row per region, in anatomical order: its best network and layer beside the noise ceiling."""
    names = ["roi", "roi_group", "model", "layer", "depth", "rho", "p_value"]
    if best_layer.is_empty():
        return pl.DataFrame(schema=[*names, *CEILING_COLUMNS])
    best = best_layer.drop_nulls("rho").with_columns(pl.col("roi").cast(pl.String))
    top = best.sort("rho", "model", descending=[True, False]).unique("roi", keep="first", maintain_order=True)
    ceilings = (
        noise_ceiling.select(pl.col("roi").cast(pl.String), **CEILING_COLUMNS)
        if not noise_ceiling.is_empty()
        else pl.DataFrame(schema={"roi": pl.String} | dict.fromkeys(CEILING_COLUMNS, pl.Float64))
    )
    return (
        top.select(names)
        .join(ceilings, on="roi", how="left")
        .join(ordered_regions(best).select("roi", "x"), on="roi")
        .sort("x")
        .drop("x")
    )


def _best_of_group(
    group: str, regions: list[str], best: pl.DataFrame, noise_ceiling: pl.DataFrame, score: str
) -> str:
    means = (
        best.filter(pl.col("roi").cast(pl.String).is_in(regions))
        .group_by(pl.col("model").cast(pl.String))
        .agg(pl.col("rho").mean(), pl.col("roi").n_unique().alias("n_regions"))
        .filter(pl.col("n_regions") == len(regions))
        .sort("rho", "model", descending=[True, False])
    )
    subject = f"{group.capitalize()} region{'s' if len(regions) > 1 else ''}"
    if group == WITHOUT_GROUPS:
        subject = "All regions" if len(regions) > 1 else "The only region"
    if means.is_empty():
        return f"{subject}: no network has a score in all {len(regions)}."
    over = f"mean {score} over {len(regions)} regions" if len(regions) > 1 else score
    rho = means["rho"][0]
    first = means.filter(pl.col("rho") == rho)["model"].to_list()
    several = best["model"].n_unique() > 1
    found = f"({over} {decimal(rho)}{ceiling_of_group(regions, noise_ceiling, rho)})."
    if rho <= 0:
        come = "comes" if len(first) == 1 else "come"
        who = (
            f"no network aligns; {listed(first)} {come} closest" if several else f"{first[0]} does not align"
        )
        return f"{subject}: {who} {found}"
    if len(first) > 1:
        return f"{subject}: {listed(first)} align equally well {found}"
    return f"{subject}: {first[0]} {'aligns best' if several else 'aligns'} {found}"


def same_winners(both: pl.DataFrame, one: str, other: str) -> int:
    """In how many regions a network has the highest value of both columns.

    A network that shares the first place counts as first.
    """
    return both.filter(pl.col(each) == pl.col(each).max().over("roi") for each in (one, other))[
        "roi"
    ].n_unique()


def _same_winners(both: pl.DataFrame) -> str:
    """In how many regions two protocols have the same best network; "" for a single network."""
    if both["model"].n_unique() < 2:
        return ""
    regions, same = both["roi"].n_unique(), same_winners(both, "rho", "rho_other")
    if regions == 1:
        return f" The best network of the region is {'the same' if same else 'another'}."
    return f" The best network is the same in {same} of {regions} regions."


def _p(row: Mapping[str, Any]) -> str:
    return "" if row["p_value"] is None else f", {p_equals(row['p_value'], row.get('permutations'))}"
