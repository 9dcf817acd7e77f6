"""Sentences about tests, intervals and layer choices.

Each function takes rows of one protocol, data set and split and returns a sentence, or "" without results.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from alignhouse.analysis.figures.frames import how_many
from alignhouse.analysis.figures.labels import heading, over_others
from alignhouse.analysis.figures.score_names import SCORE
from alignhouse.analysis.figures.theme import percent_of
from alignhouse.analysis.report.tables import decimal, p_equals
from alignhouse.analysis.report.value_words import value_label, value_label_in_row
from alignhouse.analysis.statistics.complexity import FEWEST_OF_AN_INTERVAL

SIGNIFICANT = 0.05
FIGURES = {"parameters": "more parameters", "gflops": "more GFLOPs", "top1": "higher top-1 accuracy"}
CHOSEN_ON = {
    "halves": "Chosen on one half of the stimuli and scored on the other",
    "train": "Chosen on the training stimuli and scored on the test stimuli",
}


def significant_layers(best: pl.DataFrame) -> str:
    """How many best layers are significant after correction for the number of networks and regions.

    `best` is the answer to the query best_layer. q_value is Benjamini and Hochberg's; p_family compares with
    the maximum null over networks and regions.
    """
    if "q_value" not in best.columns:
        return ""
    tested = best.drop_nulls("q_value")
    if tested.is_empty():
        return ""
    is_found = pl.col("q_value") < SIGNIFICANT
    found = tested.filter(is_found).height
    includes = _intervals_with_zero(tested.filter(is_found))
    kind = f"false discovery rate {SIGNIFICANT}, Benjamini-Hochberg"
    if tested.height == 1:
        verb = "is" if found else "is not"
        only = tested.row(0, named=True)
        p = p_equals(only["q_value"], only.get("permutations"))
        which = "best layer" if best.height == 1 else "tested best layer"
        return f"The only {which} {verb} significant ({p}){includes}."
    sentence = f"{_of(found, tested.height, 'best layer')} significant after correction ({kind})"
    sentence = sentence[0].upper() + sentence[1:]
    family = tested.drop_nulls("p_family") if "p_family" in best.columns else pl.DataFrame()
    if family.is_empty():
        return f"{sentence}{includes}."
    strict = family.filter(pl.col("p_family") < SIGNIFICANT)
    # The two corrections may find different layers.
    still = " still" if strict.filter(is_found).height == strict.height else ""
    if strict.is_empty():
        are = "none is"
    elif strict.height == tested.height:
        are = f"all{still} are"
    else:
        are = f"{strict.height:,}{still} {_are(strict.height)}"
    maximum = "against the maximum of the nulls over all networks and regions"
    return f"{sentence}; {maximum}, {are}{includes}."


def group_differences(comparison: pl.DataFrame, score: str = SCORE) -> list[str]:
    """A sentence per grouping: how many differences are significant, and the largest of them.

    `comparison` is the answer to the query group_comparison. p_adjusted is corrected over the pairs of groups
    in a region. The test and the interval answer different questions, and the sentence says so: the test
    compares with networks that are unrelated to the brains, the interval is over other stimuli and subjects.
    """
    return [
        _differences(str(group_by), rows, score)
        for (group_by,), rows in _pairs(comparison).group_by("group_by", maintain_order=True)
    ]


def largest_group_difference(comparison: pl.DataFrame, score: str = SCORE) -> str:
    """The sentence of `group_differences` with the largest significant difference, else with the largest.

    It is in brief: without p, the numbers of networks, and what was corrected for.
    """
    pairs = _pairs(comparison)
    if pairs.is_empty():
        return ""
    group_by = _largest_first(pairs)["group_by"][0]
    return _differences(str(group_by), pairs.filter(group_by=group_by), score, is_brief=True)


def layer_choices(choices: pl.DataFrame, score: str = SCORE) -> str:
    """How much lower the score is when a layer is scored on other stimuli than it was chosen on."""
    if choices.is_empty():
        return ""
    choices = choices.drop_nulls(["rho", "highest_rho"])
    if choices.is_empty():
        return ""
    fair, plain = float(choices["rho"].to_numpy().mean()), float(choices["highest_rho"].to_numpy().mean())
    [chosen_on, *others] = choices["chosen_on"].unique().sort().to_list()
    how = "Chosen and scored on different stimuli" if others else CHOSEN_ON[chosen_on]
    same = (choices["layer"] == choices["highest_layer"]).sum()
    word = "lower" if fair <= plain else "higher"
    rhos = f"{decimal(fair)} against {decimal(plain)}"
    amount = f"{decimal(abs(plain - fair))} {word} than the plain maximum ({rhos})"
    if fair == plain:
        amount = f"equal to the plain maximum ({decimal(plain)})"
    if choices.height == 1:
        layers = "the same layer" if same else "different layers"
        return f"{how}, the best layer's {score} is {amount}; both name {layers}."
    return (
        f"{how}, best layers' {score} is on average {amount}, over {choices.height:,} pairs of a network and "
        f"a region; both name the same layer in {same:,} of them."
    )


def complexity_in_words(complexity: pl.DataFrame) -> list[str]:
    """A sentence per figure of networks: in how many regions alignment rises or falls with it.

    Figures of fewer networks than an interval needs share a sentence that says so.
    """
    if complexity.is_empty():
        return []
    plain = complexity.filter(
        (pl.col("given") == "")
        & (pl.col("method") == "spearman")
        & (pl.col("n_networks") >= FEWEST_OF_AN_INTERVAL)
    ).drop_nulls(["correlation", "lower", "upper"])
    sentences = []
    for figure, name in FIGURES.items():
        rows = plain.filter(figure=figure)
        if rows.is_empty():
            continue
        rises, falls = rows.filter(pl.col("lower") > 0).height, rows.filter(pl.col("upper") < 0).height
        regions = how_many(rows.height, "region")
        found = (
            f"better in {rises or 'none'} and worse in {falls or 'none'} of {regions}"
            if rises or falls
            else f"neither better nor worse, in any of {regions}"
        )
        numbers = rows["n_networks"].unique().sort().to_list()
        networks = " to ".join(dict.fromkeys([str(numbers[0]), str(numbers[-1])]))
        sentences.append(
            f"Networks with {name} align {found} ({percent_of(rows['level'][0])} intervals of Spearman's "
            f"correlation over {networks} networks)."
        )
    return [*sentences, *_too_few_networks(complexity)]


def _too_few_networks(complexity: pl.DataFrame) -> list[str]:
    """Figures that no region has enough networks for."""
    most = complexity.filter(pl.col("given") == "").group_by("figure").agg(pl.col("n_networks").max())
    few = most.filter(pl.col("n_networks").is_between(1, FEWEST_OF_AN_INTERVAL - 1))
    of_figures = dict(few.iter_rows())
    sentences = []
    for number in sorted(set(of_figures.values()), reverse=True):
        names = [name for figure, name in FIGURES.items() if of_figures.get(figure) == number]
        sentences.append(
            f"Whether networks with {' or '.join(names)} align better is not said: too few networks "
            f"({number}) for an interval."
        )
    return sentences


def _pairs(comparison: pl.DataFrame) -> pl.DataFrame:
    """The tested differences of two groups."""
    if comparison.is_empty():
        return pl.DataFrame(schema={"group_by": pl.String})
    return comparison.filter(pl.col("group_b").is_not_null()).drop_nulls(["statistic", "p_adjusted"])


def _largest_first(pairs: pl.DataFrame) -> pl.DataFrame:
    """Significant differences by their size, then the others by theirs."""
    return pairs.sort(
        pl.col("p_adjusted") >= SIGNIFICANT, pl.col("statistic").abs(), "roi", descending=[False, True, False]
    )


def _differences(group_by: str, rows: pl.DataFrame, score: str, *, is_brief: bool = False) -> str:
    found = rows.filter(pl.col("p_adjusted") < SIGNIFICANT).height
    largest = _largest_first(rows).row(0, named=True)
    difference = _largest(largest, score, is_brief=is_brief)
    by = f"By {heading(group_by)}"
    n_pairs, n_regions = rows.select("group_a", "group_b").n_unique(), rows["roi"].n_unique()
    if rows.height == 1:
        return f"{by}, {difference}, which is {'' if found else 'not '}significant."
    pairs = f"{n_pairs} pairs" if n_pairs > 1 else " and ".join(_groups(largest))
    regions = f"{n_regions} regions" if n_regions > 1 else str(largest["roi"])
    correction = value_label("correction", largest["correction"])
    p = f"p below {SIGNIFICANT}" + (f", corrected over pairs by {correction}" if n_pairs > 1 else "")
    counted = f"{_of(found, rows.height, 'difference')} significant"
    if not is_brief:
        by, counted = f"{by} ({pairs}, {regions})", f"{counted} ({p})"
    if found == 1 < rows.height:
        return f"{by}, {counted}: {difference}."
    which = "the largest of these" if 1 < found < rows.height else "the largest"
    return f"{by}, {counted}; {which}: {difference}."


def _largest(row: dict[str, Any], score: str, *, is_brief: bool) -> str:
    """The difference of a pair of groups, the higher group first."""
    first, second = _groups(row)
    n_first, n_second = row["n_a"], row["n_b"]
    if row["statistic"] < 0:
        first, second, n_first, n_second = second, first, n_second, n_first
    bounds = ""
    if row.get("lower") is not None:
        lower, upper = (
            (row["lower"], row["upper"]) if row["statistic"] >= 0 else (-row["upper"], -row["lower"])
        )
        includes = ", which includes 0" if lower <= 0 <= upper else ""
        over = over_others(row.get("resampled"))
        bounds = f"{percent_of(row['level'])} interval{over} {decimal(lower)} to {decimal(upper)}{includes}"
    p = p_equals(row["p_adjusted"], row.get("permutations"), row.get("n_pairs") or 1)
    above = f"is {decimal(abs(row['statistic']))} above" if row["statistic"] else "equals"
    if is_brief:
        in_brackets = f" ({bounds})" if bounds else ""
        return f"in {row['roi']} the median {score} of {first} {above} that of {second}{in_brackets}"
    bounds = f"; {bounds}" if bounds else ""
    return (
        f"in {row['roi']} the median {score} of {first} ({how_many(n_first, 'network')}) "
        f"{above} that of {second} ({how_many(n_second, 'network')}) "
        f"({p} against networks unrelated to the brains{bounds})"
    )


def _groups(row: dict[str, Any]) -> list[str]:
    """The names of the two groups of a row."""
    return [value_label_in_row(row, name, row[name]) for name in ("group_a", "group_b")]


def _intervals_with_zero(significant: pl.DataFrame) -> str:
    """The end of a sentence: how many significant layers have an interval that says less than their test."""
    if "rho_lower" not in significant.columns:
        return ""
    number = significant.filter(pl.col("rho_lower") <= 0, pl.col("rho_upper") >= 0).height
    if not number:
        return ""
    of = f"the interval of {number:,} of these" if significant.height > 1 else "its interval"
    return f"; {of} over other stimuli or subjects includes 0"


def _of(found: int, total: int, noun: str) -> str:
    if found == 0:
        return f"none of the {total:,} {noun}s is"
    if found == total:
        return f"all {total:,} {noun}s are"
    return f"{found:,} of {total:,} {noun}s {_are(found)}"


def _are(number: int) -> str:
    return "is" if number in (0, 1) else "are"
