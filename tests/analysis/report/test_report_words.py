"""Sentences from rows have the right numbers, and the right grammar for none, one, two and many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from alignhouse.analysis.report import statistics_words, words
from alignhouse.analysis.report.content import Results, results_by_protocol


def best(*rows: tuple[str, str, float], **more: Any) -> pl.DataFrame:
    """Rows of (model, roi, rho); regions that start with V are early, others lateral."""
    found = [
        {
            "protocol": "sound",
            "dataset": "bmd",
            "split": "test",
            "model": model,
            "roi": roi,
            "roi_group": "early" if roi.startswith("V") else "lateral",
            "roi_order": order,
            "layer": "fc",
            "depth": 0.25 if roi.startswith("V") else 0.75,
            "rho": rho,
            "p_value": 0.02,
            **more,
        }
        for order, (model, roi, rho) in enumerate(rows)
    ]
    return pl.DataFrame(found)


def ceilings(weak: tuple[str, ...] = (), **lower: float | None) -> pl.DataFrame:
    """Reliable noise ceilings, except for the regions in `weak`."""
    return pl.DataFrame(
        {"roi": list(lower), "lower": list(lower.values()), "upper": 0.9, "n_subjects": 10}
        | {"is_reliable": [roi not in weak for roi in lower]},
        schema_overrides={"lower": pl.Float64},
    )


def board(*rows: tuple[str, float, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["model", "mean_place", "n_regions"], orient="row")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], ""),
        ([("A", 1.0, 3)], "There is a single network, A: it cannot be ranked."),
        ([("A", 1.0, 1), ("B", 2.0, 1)], "A has the best mean rank (1.0 of 2) in the only region."),
        (
            [("A", 1.5, 2), ("B", 1.5, 2), ("C", 3.0, 2)],
            "A and B share the best mean rank (1.5 of 3) over 2 regions.",
        ),
        # C ranks first in its only region, so it has no mean rank over the other regions.
        (
            [("A", 1.8, 5), ("B", 2.0, 5), ("C", 1.0, 1)],
            "A has the best mean rank (1.8 of 3) over 5 regions.",
        ),
    ],
)
def test_the_best_mean_rank(rows: list[tuple[str, float, int]], sentence: str) -> None:
    assert words.best_mean_rank(board(*rows) if rows else pl.DataFrame()) == sentence


@pytest.mark.parametrize(
    ("lower", "sentence"),
    [
        ({}, ""),
        ({"V1": None}, ""),
        ({"V1": 0.5}, "The best network of V1 stays 0.200 below its lower noise ceiling."),
        ({"V1": 0.3}, "The best network of V1 reaches its lower noise ceiling."),
        ({"V1": 0.1, "MT": 0.1}, "The best network reaches the lower noise ceiling in all 2 regions."),
        (
            {"V1": 0.1, "MT": 0.5},
            "The best network reaches the lower noise ceiling in 1 of 2 regions; "
            "it stays farthest below it in MT by 0.100.",
        ),
        (
            {"V1": 0.5, "MT": 0.5},
            "The best network reaches the lower noise ceiling in none of the 2 regions; "
            "it stays farthest below it in V1 by 0.200.",
        ),
    ],
)
def test_how_far_the_ceiling_is(lower: dict[str, float | None], sentence: str) -> None:
    rows = best(("A", "V1", 0.3), ("B", "V1", 0.1), ("A", "MT", 0.4))
    assert words.reach_of_ceiling(rows, ceilings(**lower) if lower else pl.DataFrame()) == sentence


@pytest.mark.parametrize(
    ("weak", "sentence"),
    [
        (
            ("V1", "MT"),
            "The brain data of V1 and MT are too unreliable to say whether a network reaches the noise "
            "ceiling: the lower noise ceiling is not reliably above chance.",
        ),
        (
            ("MT",),
            "The best network of V1 reaches its lower noise ceiling. The brain data of MT are too unreliable "
            "to say: the lower noise ceiling is not reliably above chance.",
        ),
        # A region without scores is not the subject of a sentence about scores.
        (("V3",), "The best network reaches the lower noise ceiling in all 2 regions."),
    ],
)
def test_weak_brain_data_are_called_weak(weak: tuple[str, ...], sentence: str) -> None:
    rows = best(("A", "V1", 0.3), ("A", "MT", 0.4))
    assert words.reach_of_ceiling(rows, ceilings(weak, V1=0.1, MT=0.005, V3=0.1)) == sentence


def test_a_group_with_a_weak_region_has_no_share_of_the_ceiling() -> None:
    rows = best(("A", "V1", 0.3), ("A", "V2", 0.1))
    assert words.best_of_groups(rows, ceilings(("V2",), V1=0.1, V2=0.005)) == [
        "Early regions: A aligns (mean rho over 2 regions 0.200; the brain data of V2 are too unreliable for "
        "a noise ceiling)."
    ]
    untested = ceilings(V1=0.1, V2=0.1).with_columns(is_reliable=pl.lit(None, pl.Boolean))
    assert words.best_of_groups(rows, untested) == [
        "Early regions: A aligns (mean rho over 2 regions 0.200)."
    ]
    assert words.reach_of_ceiling(rows, untested) == ""


def test_the_best_of_a_group_with_its_share_of_the_ceiling() -> None:
    rows = best(("A", "V1", 0.3), ("B", "V1", 0.1), ("A", "MT", 0.2), ("B", "MT", 0.4))
    assert words.best_of_groups(rows, ceilings(V1=0.6, MT=0.4)) == [
        "Early region: A aligns best (rho 0.300; lower noise ceiling 0.600, 50 % of it).",
        "Lateral region: B aligns best (rho 0.400; lower noise ceiling 0.400, 100 % of it).",
    ]
    alone = words.best_of_groups(best(("A", "V1", 0.3), ("A", "V2", 0.1)), pl.DataFrame())
    assert alone == ["Early regions: A aligns (mean rho over 2 regions 0.200)."]
    apart = words.best_of_groups(best(("A", "V1", 0.3), ("B", "V2", 0.1)), pl.DataFrame())
    assert apart == ["Early regions: no network has a score in all 2."]


def test_where_early_and_late_layers_align_best() -> None:
    rows = best(("A", "V1", 0.3), ("A", "MT", 0.2))
    scale = "on a scale from 0, the first layer, to 1, the last."
    assert words.depths(rows) == (
        "Best layers lie earliest for early regions (median depth 0.25) and latest for lateral regions "
        f"(0.75), {scale}"
    )
    assert words.depths(rows.head(1)) == f"The median depth of best layers is 0.25, {scale}"
    level = rows.with_columns(depth=0.5)
    assert words.depths(level) == f"The median depth of best layers is 0.50 in every region group, {scale}"


def test_protocols_that_agree_and_that_do_not() -> None:
    rows = best(("A", "V1", 0.3), ("B", "V1", 0.1), ("A", "MT", 0.2), ("B", "MT", 0.1))
    turned = rows.with_columns(
        protocol=pl.lit("paper"),
        rho=pl.when((pl.col("roi") == "V1") & (pl.col("model") == "B")).then(0.5).otherwise("rho"),
    )
    sentence = words.change_between(pl.concat([rows, turned]), "sound", "paper")
    assert "on average 0.100 lower under sound than under paper" in sentence
    assert sentence.endswith("The best network is the same in 1 of 2 regions.")
    one = words.change_between(pl.concat([rows.head(1), turned.head(1)]), "sound", "paper")
    assert one.startswith("For the only pair")
    assert words.change_between(rows, "sound", "paper") == ""


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ([], ""),
        (["A"], "A"),
        (["A", "B"], "A and B"),
        (["A", "B", "C"], "A, B and C"),
        (list("ABCDEF"), "A, B, C and 3 others"),
    ],
)
def test_lists_in_words(found: list[str], text: str) -> None:
    assert words.listed(found) == text


@pytest.mark.parametrize(
    ("q", "family", "sentence"),
    [
        (
            [0.9, 0.8],
            [0.9, 0.8],
            "None of the 2 best layers is significant after correction ({}); {}, none is.",
        ),
        (
            [0.01, 0.8],
            [0.04, 0.9],
            "1 of 2 best layers is significant after correction ({}); {}, 1 still is.",
        ),
        ([0.01, 0.02], [0.2, 0.3], "All 2 best layers are significant after correction ({}); {}, none is."),
        (
            [0.01, 0.02],
            [0.01, 0.02],
            "All 2 best layers are significant after correction ({}); {}, all still are.",
        ),
        ([0.01], [0.01], "The only best layer is significant (p = 0.010)."),
    ],
)
def test_how_many_best_layers_are_significant(q: list[float], family: list[float], sentence: str) -> None:
    rows = best(*(("A", f"V{n}", 0.1) for n in range(len(q)))).with_columns(
        q_value=pl.Series(q), p_family=pl.Series(family)
    )
    given = (
        "false discovery rate 0.05, Benjamini-Hochberg",
        "against the maximum of the nulls over all networks and regions",
    )
    assert statistics_words.significant_layers(rows) == sentence.format(*given)
    assert statistics_words.significant_layers(rows.with_columns(q_value=pl.lit(None, pl.Float64))) == ""


def comparison(*rows: tuple[str, str, str, float, float]) -> pl.DataFrame:
    """Rows of (roi, a, b, statistic, p) with an interval of ± .01, and a row of a single group."""
    found = [
        {"roi": roi, "group_a": a, "group_b": b, "n_a": 3, "n_b": 1, "statistic": statistic, "p_adjusted": p}
        | {"lower": statistic - 0.01, "upper": statistic + 0.01, "level": 0.95}
        | {"group_by": "arch_type", "correction": "holm"}
        for roi, a, b, statistic, p in [*rows, ("V1", "CNNs", None, 0.3, None)]
    ]
    return pl.DataFrame(found, infer_schema_length=None)


def test_differences_between_groups() -> None:
    [one] = statistics_words.group_differences(comparison(("V1", "CNNs", "RNNs", -0.05, 0.2)))
    assert one == (
        "By architecture, in V1 the median rho of RNNs (1 network) is 0.050 above that of CNNs (3 networks) "
        "(p = 0.200 against networks unrelated to the brains; 95 % interval 0.040 to 0.060), which is not "
        "significant."
    )
    [two] = statistics_words.group_differences(
        comparison(("V1", "CNNs", "RNNs", 0.02, 0.2), ("MT", "CNNs", "RNNs", 0.05, 0.0001))
    )
    assert two == (
        "By architecture (CNNs and RNNs, 2 regions), 1 of 2 differences is significant (p below 0.05): in "
        "MT the median rho of CNNs (3 networks) is 0.050 above that of RNNs (1 network) "
        "(p < 0.001 against networks unrelated to the brains; 95 % interval 0.040 to 0.060)."
    )
    [many] = statistics_words.group_differences(
        comparison(("V1", "A", "B", 0.02, 0.2), ("V1", "A", "C", 0.01, 0.3)).with_columns(
            lower=pl.lit(None, pl.Float64)
        )
    )
    assert many == (
        "By architecture (2 pairs, V1), none of the 2 differences is significant (p below 0.05, corrected "
        "over pairs by Holm); the largest: in V1 the median rho of A (3 networks) is 0.020 above that of B "
        "(1 network) (p = 0.200 against networks unrelated to the brains)."
    )
    assert statistics_words.group_differences(comparison()) == []


def test_the_largest_difference_is_the_largest_of_the_significant_ones() -> None:
    """A larger difference of few networks may be chance."""
    rows = (("V1", "A", "B", 0.02, 0.01), ("MT", "A", "B", -0.03, 0.04), ("EBA", "A", "B", 0.4, 0.3))
    [sentence] = statistics_words.group_differences(comparison(*rows))
    assert sentence == (
        "By architecture (A and B, 3 regions), 2 of 3 differences are significant (p below 0.05); the "
        "largest of these: in MT the median rho of B (1 network) is 0.030 above that of A (3 networks) "
        "(p = 0.040 against networks unrelated to the brains; 95 % interval 0.020 to 0.040)."
    )


def test_regions_without_groups_are_all_regions() -> None:
    rows = best(("A", "V1", 0.3), ("A", "V2", 0.1)).with_columns(roi_group=pl.lit("other"))
    assert words.best_of_groups(rows, pl.DataFrame()) == [
        "All regions: A aligns (mean rho over 2 regions 0.200)."
    ]
    assert words.best_of_groups(rows.head(1), pl.DataFrame()) == ["The only region: A aligns (rho 0.300)."]


def test_a_difference_in_brief_has_its_interval_and_how_many_are_significant() -> None:
    rows = (("V1", "A", "B", 0.02, 0.01), ("MT", "A", "B", -0.03, 0.04), ("EBA", "A", "B", 0.4, 0.3))
    assert statistics_words.largest_group_difference(comparison(*rows)) == (
        "By architecture, 2 of 3 differences are significant; the largest of these: in MT the median rho of "
        "B is 0.030 above that of A (95 % interval 0.020 to 0.040)."
    )
    bare = comparison(*rows[:2]).with_columns(lower=pl.lit(None, pl.Float64), p_adjusted=0.5)
    assert statistics_words.largest_group_difference(bare) == (
        "By architecture, none of the 2 differences is significant; the largest: in MT the median rho of B "
        "is 0.030 above that of A."
    )


def test_an_interval_that_contradicts_its_test_says_so() -> None:
    rows = comparison(("V1", "A", "B", 0.005, 0.01)).with_columns(resampled=pl.lit("both"))
    [sentence] = statistics_words.group_differences(rows)
    assert sentence == (
        "By architecture, in V1 the median rho of A (3 networks) is 0.005 above that of B (1 network) (p = "
        "0.010 against networks unrelated to the brains; 95 % interval over other stimuli and subjects "
        "-0.005 to 0.015, which includes 0), which is significant."
    )


def test_a_p_of_zero_is_a_bound() -> None:
    rows = best(("A", "V1", 0.3)).with_columns(p_value=0.0, permutations=1000)
    assert words.highest(rows).endswith("(rho = 0.300, p < 0.001).")
    rows = comparison(("V1", "A", "B", 0.1, 0.0)).with_columns(permutations=200, n_pairs=3)
    [sentence] = statistics_words.group_differences(rows)
    assert "(p < 0.015 against" in sentence
    assert statistics_words.group_differences(pl.DataFrame()) == []


def test_layers_chosen_on_other_stimuli() -> None:
    rows = pl.DataFrame(
        {
            "chosen_on": ["halves", "halves"],
            "rho": [0.1, 0.2],
            "highest_rho": [0.2, 0.3],
            "layer": ["fc", "conv"],
            "highest_layer": ["fc", "fc"],
        }
    )
    assert statistics_words.layer_choices(rows) == (
        "Chosen on one half of the stimuli and scored on the other, best layers' rho is on average 0.100 "
        "lower than the plain maximum (0.150 against 0.250), over 2 pairs of a network and a region; both "
        "name the same layer in 1 of them."
    )
    one = statistics_words.layer_choices(rows.head(1).with_columns(chosen_on=pl.lit("train")))
    assert one == (
        "Chosen on the training stimuli and scored on the test stimuli, the best layer's rho is 0.100 lower "
        "than the plain maximum (0.100 against 0.200); both name the same layer."
    )
    assert statistics_words.layer_choices(pl.DataFrame()) == ""


def test_correlations_with_complexity_in_words() -> None:
    rows = pl.DataFrame(
        {
            "figure": ["gflops", "gflops", "parameters"],
            "given": ["", "", ""],
            "method": "spearman",
            "correlation": [0.5, -0.5, 0.1],
            "lower": [0.2, -0.8, -0.1],
            "upper": [0.8, -0.2, 0.3],
            "level": 0.9,
            "n_networks": 99,
        }
    )
    by = "(90 % intervals of Spearman's correlation over 99 networks)"
    assert statistics_words.complexity_in_words(rows) == [
        f"Networks with more parameters align neither better nor worse, in any of 1 region {by}.",
        f"Networks with more GFLOPs align better in 1 and worse in 1 of 2 regions {by}.",
    ]
    assert statistics_words.complexity_in_words(rows.with_columns(lower=pl.lit(None, pl.Float64))) == []
    assert statistics_words.complexity_in_words(pl.DataFrame()) == []


def test_too_few_networks_say_nothing_of_complexity() -> None:
    rows = pl.DataFrame(
        {
            "figure": ["gflops", "parameters", "top1"],
            "given": "",
            "method": "spearman",
            "correlation": [0.9, -0.99, None],
            # As an older version stored them.
            "lower": [0.2, -1.0, None],
            "upper": [1.0, -0.9, None],
            "level": 0.95,
            "n_networks": [5, 5, 0],
        }
    )
    assert statistics_words.complexity_in_words(rows) == [
        "Whether networks with more parameters or more GFLOPs align better is not said: "
        "too few networks (5) for an interval."
    ]


def results_of(content: Callable[..., Any], **fields: Any) -> Results:
    [results] = results_by_protocol(content(**fields))
    return results


DIFFERENCES = pl.DataFrame(
    [
        {"protocol": "sound", "dataset": "bmd", "split": "test", "group_by": group_by, "roi": "V1"}
        | {"group_a": "a", "group_b": "b", "n_a": 2, "n_b": 1, "correction": "holm"}
        | {"statistic": statistic, "p_adjusted": p}
        for group_by, statistic, p in (("arch_type", 0.3, 0.2), ("model_type", 0.1, 0.01))
    ]
)


def test_each_sentence_has_one_place_and_the_answer_repeats_three(content: Callable[..., Any]) -> None:
    results = results_of(content, group_comparison=DIFFERENCES)
    parts = words.sentences(results)
    assert list(parts) == ["data", "answer", "regions", "groups", "depth", "explains"]
    answer = parts.pop("answer")
    said = [sentence for sentences in parts.values() for sentence in sentences]
    assert len(set(said)) == len(said)
    assert words.summary(results) == said
    # The difference is in brief.
    assert set(answer[:2]) < set(said)
    best, reach, difference = answer
    assert best == "TSN has the best mean rank (1.0 of 3) over 3 regions."
    assert reach.startswith("The best network reaches the lower noise ceiling in none of the 3 regions")
    # The larger difference is not significant.
    assert difference.startswith("By model type, in V1 the median rho of a is 0.100 above that of b")
    assert [each.startswith("By ") for each in parts["groups"]] == [True, True]
    assert parts["data"] == ["3 networks, 3 regions, 10 subjects."]
    assert parts["depth"] == [
        "The median depth of best layers is 0.75 in every region group, on a scale from 0, the first layer, "
        "to 1, the last."
    ]
    assert parts["explains"] == []


def test_an_answer_without_groups_or_ceilings_says_the_next_best(content: Callable[..., Any]) -> None:
    made = content()
    one = results_of(
        content,
        best_layer=made.best_layer.filter(model="TSN"),
        leaderboard=made.leaderboard.filter(model="TSN"),
        noise_ceiling=pl.DataFrame(),
    )
    parts = words.sentences(one)
    assert parts["regions"][0] == "There is a single network, TSN: it cannot be ranked."
    highest, significant, depth = parts["answer"]
    assert highest.startswith("The highest alignment is that of TSN with V1")
    assert significant.startswith("All 3 best layers are significant after correction")
    assert depth.startswith("The median depth of best layers")
    bare = one.best_layer.drop("q_value", "depth")
    [only] = words.sentences(replace(one, best_layer=bare))["answer"]
    assert only == highest
    assert words.sentences(replace(one, best_layer=pl.DataFrame())) == {}
    assert words.summary(replace(one, best_layer=pl.DataFrame())) == []


@pytest.mark.parametrize(
    ("rows", "can"),
    [
        ([], False),
        ([("A", 1.0, 3)], False),
        ([("A", 1.0, 3), ("B", 2.0, 3)], True),
        ([("A", 1.0, 3), ("B", 2.0, 1)], False),
    ],
)
def test_only_networks_with_all_scores_are_ranked(rows: list[tuple[str, float, int]], can: bool) -> None:
    assert words.can_be_ranked(board(*rows) if rows else pl.DataFrame()) == can


def test_without_a_significant_difference_the_answer_has_the_largest() -> None:
    said = statistics_words.largest_group_difference(DIFFERENCES.with_columns(p_adjusted=0.3))
    assert said.startswith("By architecture, in V1 the median rho of a is 0.300 above that of b")
    assert said.endswith("which is not significant.")
    assert statistics_words.largest_group_difference(pl.DataFrame()) == ""
    assert statistics_words.largest_group_difference(comparison()) == ""
