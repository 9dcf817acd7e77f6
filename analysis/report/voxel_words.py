"""Sentences about the encoding of voxels.

Each function takes rows of one encoding, data set and split and returns a sentence, or "" without results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from alignhouse.analysis.figures.frames import how_many, listed, subjects_in_words
from alignhouse.analysis.figures.labels import over_others
from alignhouse.analysis.figures.score_names import voxel_score_name
from alignhouse.analysis.figures.theme import percent_of
from alignhouse.analysis.figures.voxel_scores import in_one_unit, without_ceilings_note
from alignhouse.analysis.report.statistics_words import SIGNIFICANT
from alignhouse.analysis.report.tables import decimal, p_equals, whole
from alignhouse.analysis.report.words import same_winners

# Where chance lies: at 0, unless every permutation is fitted again.
AT_CHANCE = pl.when(chosen_on="folds").then("r_by_chance").otherwise(0.0)


def encoding_in_words(encoding: pl.DataFrame) -> list[str]:
    """The sentences about one voxel encoding; `encoding` is the answer to the query of that name.

    If scores of some regions are divided by noise ceilings, the others are named and left out, because they
    have another unit.
    """
    known = encoding if encoding.is_empty() else encoding.drop_nulls("score")
    rows, left_out = in_one_unit(known)
    if rows.is_empty():
        return []
    sentences = [
        size_of_encoding(rows),
        highest_encoding(rows),
        most_often_best(rows),
        tested_encodings(rows),
        chance_of_encodings(rows),
        beside_rsa(rows),
        without_ceilings_note(left_out),
    ]
    return [sentence for sentence in sentences if sentence]


def size_of_encoding(encoding: pl.DataFrame) -> str:
    """The numbers of networks, regions, subjects and voxels."""
    counts = [
        how_many(encoding["model"].n_unique(), "network"),
        how_many(encoding["roi"].n_unique(), "region"),
        subjects_in_words(encoding),
    ]
    voxels = encoding["n_voxels"].drop_nulls().unique().sort().to_list()
    numbers = " to ".join(dict.fromkeys([whole(each) for each in voxels[:1] + voxels[-1:]]))
    of_region = f"; {numbers} voxels of all subjects in a region" if numbers else ""
    return f"{', '.join(filter(None, counts))}{of_region}."


def highest_encoding(encoding: pl.DataFrame) -> str:
    """The network, region and layer of the highest score, whether it is above chance, and its interval."""
    first = encoding.filter(pl.col("score") == pl.col("score").max()).sort("model", "roi")
    top = first.row(0, named=True)
    name = voxel_score_name(is_normalised=top["is_normalised"])
    if first.height > 1:
        pairs = [f"{row['model']} for {row['roi']}" for row in first.iter_rows(named=True)]
        shared = f"shared by {listed(pairs)} ({name} = {decimal(top['score'])})"
        # Chance may differ between them.
        return f"The highest encoding is {shared}.{_none_above_chance(encoding)}"
    numbers = f"{name} = {decimal(top['score'])}"
    if top["p_value"] is not None:
        numbers += f", {p_equals(top['p_value'], top['permutations'])}, not corrected"
    return (
        f"The highest encoding is that of {top['model']} for {top['roi']}, by layer {top['layer']} "
        f"({numbers}{_interval(top)}).{_none_above_chance(encoding)}"
    )


def most_often_best(encoding: pl.DataFrame) -> str:
    """The network that predicts best in most regions; "" for a single network or region."""
    n_regions = encoding["roi"].n_unique()
    if encoding["model"].n_unique() < 2 or n_regions < 2:
        return ""
    firsts = encoding.filter(pl.col("score") == pl.col("score").max().over("roi"))
    counts = (
        firsts.group_by(pl.col("model").cast(pl.String)).len().sort("len", "model", descending=[True, False])
    )
    most = counts["len"][0]
    names = counts.filter(len=most)["model"].to_list()
    alone = ", alone or with others," if firsts.height > n_regions else ""
    each = "each have" if len(names) > 1 else "has"
    return f"{listed(names)} {each} the highest encoding{alone} in {most} of {n_regions} regions."


def tested_encodings(encoding: pl.DataFrame) -> str:
    """In how many cases p is small, and how many of their intervals include chance."""
    tested = encoding.drop_nulls("p_value")
    if tested.is_empty():
        return ""
    found = tested.filter(pl.col("p_value") < SIGNIFICANT)
    end = _intervals_with_chance(found)
    if tested.height == 1:
        only = tested.row(0, named=True)
        p = p_equals(only["p_value"], only["permutations"])
        which = "only" if encoding.height == 1 else "only tested"
        return f"The {which} encoding is {'' if found.height else 'not '}significant ({p}, one-sided{end})."
    return (
        f"A network predicts voxels better than permuted responses in {found.height or 'none'} of "
        f"{tested.height:,} cases (p < {SIGNIFICANT}, one-sided, not corrected for the number of cases{end})."
    )


def chance_of_encodings(encoding: pl.DataFrame) -> str:
    """What the score is by chance, where this is not 0."""
    folds = encoding.filter(chosen_on="folds")
    if folds.is_empty():
        return ""
    chance = folds["r_by_chance"].drop_nulls().sort()
    if chance.is_empty():
        return (
            "Over folds, chance is not 0. It was not estimated (refits = 0 in [encoding]), so this report "
            "does not say which scores are above it."
        )
    name = voxel_score_name(is_normalised=bool(folds["is_normalised"].all()))
    numbers = " to ".join(dict.fromkeys([decimal(chance[0]), decimal(chance[-1])]))
    return f"Over folds, chance is not 0: under permutations, {name} is {numbers} on average."


def beside_rsa(encoding: pl.DataFrame) -> str:
    """In how many regions and cases encoding and RSA name the same network and the same layer."""
    both = encoding.drop_nulls(["rho", "rsa_layer"])
    if both.is_empty():
        return ""
    same = (both["layer"].cast(pl.String) == both["rsa_layer"].cast(pl.String)).sum()
    cases = how_many(both.height, "case")
    layers = f"Encoding and RSA name the same best layer of a network in {same:,} of {cases}"
    if both["model"].n_unique() < 2:
        return f"{layers}."
    regions = how_many(both["roi"].n_unique(), "region")
    return f"{layers}, and the same best network in {same_winners(both, 'score', 'rho')} of {regions}."


def _none_above_chance(encoding: pl.DataFrame) -> str:
    """A sentence if no score is above chance; "" if one is, or if chance is unknown."""
    above = encoding.with_columns(chance=AT_CHANCE)
    if above["chance"].is_null().any() or (above["score"] > above["chance"]).any():
        return ""
    return " No score is above chance."


def _intervals_with_chance(found: pl.DataFrame) -> str:
    """The end of a bracket: how many small p have an interval that includes chance."""
    known = found.with_columns(chance=AT_CHANCE).drop_nulls(["lower", "upper", "chance"])
    number = known.filter(pl.col("lower") <= pl.col("chance"), pl.col("upper") >= pl.col("chance")).height
    if not number:
        return ""
    of = f"the interval of {number:,} of these" if found.height > 1 else "its interval"
    return f"; {of} includes chance"


def _interval(row: Mapping[str, Any]) -> str:
    """The interval of a score, and whether it includes chance."""
    if row["lower"] is None:
        return ""
    chance = row["r_by_chance"] if row["chosen_on"] == "folds" else 0.0
    includes = ""
    if chance is not None and row["lower"] <= chance <= row["upper"]:
        includes = f", which includes {f'chance ({decimal(chance)})' if chance else '0'}"
    bounds = f"{decimal(row['lower'])} to {decimal(row['upper'])}"
    return f"; {percent_of(row['level'])} interval{over_others(row['resampled'])} {bounds}{includes}"
