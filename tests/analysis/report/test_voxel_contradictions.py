"""Rows of encodings and partitions that contradict each other, tie or lack values: nothing more is said."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from voxel_rows import FOLDS, encodings, partitions

from alignhouse.analysis.report import gaps, partition_words, voxel_words

NONE = pl.DataFrame()


def test_no_rows_and_no_scores_say_nothing() -> None:
    assert voxel_words.encoding_in_words(NONE) == []
    assert voxel_words.encoding_in_words(encodings(("A", "V1", None))) == []
    assert partition_words.partition_in_words(NONE) == []


def test_one_network_in_one_region() -> None:
    assert voxel_words.encoding_in_words(encodings(("A", "V1", 0.3))) == [
        "1 network, 1 region, 3 subjects; 90 voxels of all subjects in a region.",
        "The highest encoding is that of A for V1, by layer fc (normalised r = 0.300, p = 0.020, not "
        "corrected; 95 % interval over other stimuli and subjects 0.200 to 0.400).",
        "The only encoding is significant (p = 0.020, one-sided).",
        "Encoding and RSA name the same best layer of a network in 1 of 1 case.",
    ]


def test_counts_of_voxels_and_subjects_that_differ() -> None:
    rows = encodings(("A", "V1", 0.3), ("A", "M1", 0.2), n_voxels=[12_000, 80], n_subjects=[3, 2])
    assert voxel_words.size_of_encoding(rows) == (
        "1 network, 2 regions, 2 to 3 subjects; 80 to 12,000 voxels of all subjects in a region."
    )


def test_equal_scores_have_no_single_winner() -> None:
    tied = encodings(("A", "V1", 0.3), ("B", "V1", 0.3), ("A", "M1", 0.1), ("B", "M1", 0.2))
    assert voxel_words.highest_encoding(tied) == (
        "The highest encoding is shared by A for V1 and B for V1 (normalised r = 0.300)."
    )
    assert voxel_words.most_often_best(tied) == (
        "B has the highest encoding, alone or with others, in 2 of 2 regions."
    )
    each = tied.filter(~((pl.col("model") == "B") & (pl.col("roi") == "V1")))
    assert voxel_words.most_often_best(each) == ("A and B each have the highest encoding in 1 of 2 regions.")
    # A single network, or a single region, has no such comparison.
    assert voxel_words.most_often_best(tied.filter(model="A")) == ""
    assert voxel_words.most_often_best(tied.filter(roi="V1")) == ""


@pytest.mark.parametrize(
    ("score", "more", "none_above"),
    [
        (-0.2, {}, True),
        (0.0, {}, True),
        (0.01, {}, False),
        # Over folds, chance is not 0: a score below 0 may be above chance, and one above 0 below it.
        (-0.05, FOLDS | {"r_by_chance": -0.2}, False),
        (-0.25, FOLDS | {"r_by_chance": -0.2}, True),
        (0.05, FOLDS | {"r_by_chance": 0.1}, True),
        (-0.05, FOLDS | {"r_by_chance": None}, False),
    ],
)
def test_scores_that_are_not_above_chance(score: float, more: dict[str, Any], none_above: bool) -> None:
    said = voxel_words.highest_encoding(encodings(("A", "V1", score), **more))
    assert said.endswith(" No score is above chance.") == none_above


def test_one_score_above_chance_or_unknown_chance_says_nothing_of_all() -> None:
    rows = encodings(("A", "V1", -0.1), ("B", "V1", -0.3), **FOLDS, r_by_chance=[0.0, -0.4])
    assert "above chance" not in voxel_words.highest_encoding(rows)
    rows = rows.with_columns(r_by_chance=pl.Series([0.0, None]))
    assert "above chance" not in voxel_words.highest_encoding(rows)


@pytest.mark.parametrize(
    ("score", "more", "said"),
    [
        (0.05, {}, "-0.050 to 0.150, which includes 0)"),
        (0.1, {}, "0.000 to 0.200, which includes 0)"),
        (0.2, {}, "0.100 to 0.300)"),
        (-0.3, {}, "-0.400 to -0.200)"),
        # The interval of a fold study includes 0 but not chance, and the other way round.
        (0.05, FOLDS | {"r_by_chance": -0.2}, "over other subjects -0.050 to 0.150)"),
        (-0.15, FOLDS | {"r_by_chance": -0.2}, "-0.250 to -0.050, which includes chance (-0.200))"),
        (0.05, FOLDS | {"r_by_chance": None}, "-0.050 to 0.150)"),
        (0.05, {"lower": None, "upper": None, "resampled": None}, "p = 0.020, not corrected)"),
        (0.2, {"p_value": None}, "(normalised r = 0.200; 95 % interval over other"),
        (0.2, {"p_value": 0.0, "permutations": 50}, "p < 0.02, not corrected;"),
        (0.2, {"is_normalised": False, "r_normalised": None}, "(r = 0.200, p = 0.020"),
    ],
)
def test_intervals_and_p_of_the_highest(score: float, more: dict[str, Any], said: str) -> None:
    assert said in voxel_words.highest_encoding(encodings(("A", "V1", score), **more))


@pytest.mark.parametrize(
    ("p", "scores", "said"),
    [
        ([0.01, 0.05, 0.9], [0.3, 0.3, 0.3], "in 1 of 3 cases (p < 0.05, one-sided, not corrected for the n"),
        ([0.06, 0.05, 0.9], [0.3, 0.3, 0.3], "in none of 3 cases ("),
        # A case without a test is not counted.
        ([0.01, 0.01, None], [0.3, 0.3, 0.3], "in 2 of 2 cases ("),
        # A small p whose interval includes chance; that of a large p does not count.
        ([0.01, 0.01, 0.9], [0.05, 0.3, 0.05], "cases; the interval of 1 of these includes chance)."),
        ([0.01, 0.06, 0.9], [0.05, 0.3, 0.05], "cases; its interval includes chance)."),
        (
            [None, 0.01, None],
            [0.3, 0.3, 0.3],
            "The only tested encoding is significant (p = 0.010, one-sided).",
        ),
        (
            [None, 0.05, None],
            [0.3, 0.3, 0.3],
            "The only tested encoding is not significant (p = 0.050, one-sided).",
        ),
    ],
)
def test_tests_that_contradict_intervals(p: list[Any], scores: list[float], said: str) -> None:
    rows = encodings(*(("A", roi, score) for roi, score in zip(("V1", "V2", "M1"), scores, strict=True)))
    rows = rows.with_columns(p_value=pl.Series(p, dtype=pl.Float64))
    assert said in voxel_words.tested_encodings(rows)
    assert voxel_words.tested_encodings(rows.with_columns(p_value=pl.lit(None, pl.Float64))) == ""


def test_chance_of_folds() -> None:
    rows = encodings(("A", "V1", 0.1), ("A", "V2", 0.1))
    assert voxel_words.chance_of_encodings(rows) == ""
    folds = rows.with_columns(chosen_on=pl.lit("folds"), r_by_chance=pl.Series([-0.1, None]))
    assert voxel_words.chance_of_encodings(folds) == (
        "Over folds, chance is not 0: under permutations, normalised r is -0.100 on average."
    )
    both = folds.with_columns(r_by_chance=pl.Series([-0.1, -0.25]))
    assert "normalised r is -0.250 to -0.100 on average" in voxel_words.chance_of_encodings(both)
    unknown = folds.with_columns(r_by_chance=pl.lit(None, pl.Float64))
    assert "It was not estimated" in voxel_words.chance_of_encodings(unknown)


def test_encoding_and_rsa_that_disagree() -> None:
    rows = encodings(
        ("A", "V1", 0.3), ("B", "V1", 0.2), ("A", "M1", 0.1), ("B", "M1", 0.2), rho=[0.1, 0.2, 0.4, 0.4],
        rsa_layer=["fc", "conv", "conv", "fc"],
    )  # fmt: skip
    # In M1, B shares the first place of RSA.
    assert voxel_words.beside_rsa(rows) == (
        "Encoding and RSA name the same best layer of a network in 2 of 4 cases, and the same best network "
        "in 1 of 2 regions."
    )
    lacking = rows.with_columns(rho=pl.Series([0.1, 0.2, None, None]))
    assert "in 1 of 2 cases, and the same best network in 0 of 1 region." in voxel_words.beside_rsa(lacking)
    assert voxel_words.beside_rsa(rows.with_columns(rho=pl.lit(None, pl.Float64))) == ""


def test_scores_of_another_unit_are_not_compared() -> None:
    rows = encodings(("A", "V1", 0.3), ("A", "M1", 0.9), is_normalised=[True, False])
    said = voxel_words.encoding_in_words(rows)
    assert said[0].startswith("1 network, 1 region, ")
    assert "that of A for V1" in said[1]
    assert said[-1] == "Left out, because no voxel has a noise ceiling: M1."
    neither = rows.with_columns(is_normalised=pl.lit(False))
    assert "that of A for M1, by layer fc (r = 0.900" in voxel_words.encoding_in_words(neither)[1]
    shares = partitions(("A", "V1", 0.3, 0.1), ("A", "M1", 0.9, 0.1), is_normalised=[True, False])
    said = partition_words.partition_in_words(shares)
    assert "that of A in V1 (0.300 of the explainable variance" in said[1]
    assert said[-1] == "Left out, because no voxel has a noise ceiling: M1."
    said = partition_words.partition_in_words(shares.with_columns(is_normalised=pl.lit(False)))
    assert "that of A in M1 (0.900 of the variance," in said[1]


CASES = "(95 % intervals over other stimuli and subjects, not corrected for the number of cases)"


def test_unique_parts_on_both_sides_of_0() -> None:
    rows = partitions(
        ("A", "V1", 0.3, -0.2), ("A", "V2", 0.01, 0.005), ("A", "M1", -0.2, 0.3), ("B", "M1", 0.0, 0.0)
    )
    assert partition_words.partition_in_words(rows) == [
        "2 networks, 3 regions, beside 2 control models (hog, gist).",
        # An interval from 0 finds nothing.
        f"The variance that is unique to a network is above 0 in 1 and below 0 in 1 of 4 cases {CASES}; the "
        "largest is that of A in V1 (0.300 of the explainable variance, interval 0.290 to 0.310).",
        f"The variance that is unique to the controls is above 0 in 1 and below 0 in 1 of 4 cases {CASES}; "
        "the largest is in M1, beside A (0.300 of the explainable variance, interval 0.290 to 0.310).",
        "In 2 of 4 cases, the joint model predicts worse than the network or the controls alone, so one "
        "unique part is below 0.",
    ]


def test_the_largest_part_may_include_0_be_below_it_or_be_shared() -> None:
    near = partitions(("A", "V1", 0.005, 0.2))
    assert "(0.005 of the explainable variance, interval -0.005 to 0.015, which includes 0)." in (
        partition_words.unique_part(near, "unique_network")
    )
    below = partitions(("A", "V1", -0.2, -0.3))
    assert "above 0 in none and below 0 in 1 of 1 case (" in (
        partition_words.unique_part(below, "unique_network")
    )
    assert "(-0.200 of the explainable variance, interval -0.210 to -0.190)." in (
        partition_words.unique_part(below, "unique_network")
    )
    tied = partitions(("A", "V1", 0.0, 0.1), ("B", "V1", 0.0, 0.1))
    assert partition_words.unique_part(tied, "unique_network").endswith(
        "the largest is that of A in V1 and B in V1 (0.000 of the explainable variance)."
    )
    assert partition_words.unique_part(tied, "unique_controls").endswith(
        "the largest is in V1, beside A and V1, beside B (0.100 of the explainable variance)."
    )


def test_parts_without_intervals_or_with_intervals_of_several_kinds() -> None:
    lacking = partitions(("A", "V1", 0.2, 0.1), half=None, resampled=None, method=None)
    assert partition_words.unique_part(lacking, "unique_network") == (
        "No interval of the variance that is unique to a network is known; the largest is that of A in V1 "
        "(0.200 of the explainable variance)."
    )
    both = partitions(("A", "V1", 0.2, 0.1), ("A", "M1", 0.2, 0.1), resampled=["both", "subjects"])
    assert "(95 % intervals, not corrected" in partition_words.unique_part(both, "unique_network")


def test_no_part_below_0_is_not_mentioned() -> None:
    assert partition_words.worse_together(partitions(("A", "V1", 0.0, 0.1))) == ""


def test_controls_that_were_left_out() -> None:
    reason = "left out: hog (its distances have no features)"
    some = partitions(("A", "V1", 0.2, 0.1), ("A", "M1", 0.2, 0.1), reason=reason)
    assert partition_words.partition_in_words(some)[-1] == f"Controls {reason}."
    nothing = partitions(("A", "V1", None, None), reason=reason, is_normalised=None)
    assert partition_words.partition_in_words(nothing) == [f"No variance was partitioned. Controls {reason}."]


NETWORKS = pl.DataFrame({"model": ["A", "B"]})


def test_gaps_of_encodings_and_partitions() -> None:
    whole = encodings(("A", "V1", 0.3), ("B", "V1", 0.3))
    assert gaps.encoding_gaps(whole, NETWORKS) == []
    assert gaps.encoding_gaps(whole, NONE) == []
    run = "run alignhouse analyse uncertainty STUDY.toml"
    lacking = whole.head(1).with_columns(
        p_value=pl.lit(None, pl.Float64), lower=pl.lit(None, pl.Float64), upper=pl.lit(None, pl.Float64)
    )
    assert gaps.encoding_gaps(lacking, NETWORKS) == [
        f"B has no encoding: {run}.",
        f"1 encoding has no p-value: {run}, with refits in [encoding] (over folds) or permutations in "
        "[analysis] above 0.",
        "There are no intervals: they need two subjects, or test stimuli and [analysis] bootstraps above 0.",
    ]
    parts = partitions(("A", "V1", 0.3, 0.1), ("B", "V1", 0.3, 0.1))
    assert gaps.partition_gaps(parts, NETWORKS) == []
    assert gaps.partition_gaps(NONE, NETWORKS) == []
    # Without any control there is nothing that an interval could be of.
    nothing = partitions(("A", "V1", None, None), reason="left out: hog (it is constant)")
    assert gaps.partition_gaps(nothing, NETWORKS) == [f"B has no variance partition: {run}."]
    [said] = gaps.partition_gaps(partitions(("A", "V1", 0.3, 0.1), half=None), NETWORKS.head(1))
    assert said.startswith("There are no intervals")
