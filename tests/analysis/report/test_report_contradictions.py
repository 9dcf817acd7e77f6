"""Rows that contradict each other, tie or lack values: no sentence says more than they do."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import polars as pl
import pytest

from alignhouse.analysis.report import ceiling_words, control_words, gaps, statistics_words, words
from alignhouse.analysis.report.content import Results
from alignhouse.analysis.report.methods import protocol_methods, study_methods

NONE = pl.DataFrame()


def best(*rows: tuple[str, str, float | None], **more: Any) -> pl.DataFrame:
    """Rows of (model, roi, rho); regions V are early, M lateral, others ventral."""
    groups = {"V": ("early", 0.25), "M": ("lateral", 0.75)}
    models, regions, rho = zip(*rows, strict=True)
    of_group = [groups.get(roi[0], ("ventral", 0.5)) for roi in regions]
    fixed = {"protocol": "sound", "dataset": "d", "split": "test", "layer": "fc", "p_value": 0.02}
    columns = {
        "model": models, "roi": regions, "rho": rho, "roi_order": [ord(roi[0]) for roi in regions],
        "roi_group": [group for group, _ in of_group], "depth": [depth for _, depth in of_group],
    }  # fmt: skip
    return pl.DataFrame({**fixed, **columns, **more}, schema_overrides={"rho": pl.Float64})


def ceilings(*rows: tuple[str, float | None, bool | None], n_subjects: Any = 3) -> pl.DataFrame:
    """Rows of (roi, lower, is_reliable)."""
    schema = {"roi": pl.String, "lower": pl.Float64, "is_reliable": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        upper=0.9, n_subjects=pl.lit(n_subjects, pl.Int64)
    )


def results(**frames: pl.DataFrame) -> Results:
    names = {each.name for each in fields(Results)} - {"protocol", "source"}
    return Results("sound", "d, test", **(dict.fromkeys(names, NONE) | frames))


def test_no_rows_and_no_scores_say_nothing() -> None:
    assert words.summary(results()) == []
    assert words.summary(results(best_layer=best(("A", "V1", None)))) == []
    assert words.best_networks(NONE, NONE).is_empty()
    assert words.change_between(NONE, "sound", "paper") == ""


def test_a_network_without_a_score_is_not_counted() -> None:
    rows = best(("A", "V1", 0.3), ("B", "V1", None), ("B", "M1", None))
    first, *_ = words.summary(results(best_layer=rows, noise_ceiling=ceilings(("V1", None, None))))
    assert first == "1 network, 1 region, 3 subjects."
    assert words.size(rows.head(1), NONE) == "1 network, 1 region."
    assert words.size(rows.head(1), ceilings(("V1", 0.1, True), n_subjects=None)) == "1 network, 1 region."
    assert words.size(rows.head(2), ceilings(("V1", 0.1, True), n_subjects=1)).endswith(", 1 subject.")


def test_a_single_network_in_all_regions_is_not_the_best_of_those_in_fewer() -> None:
    board = pl.DataFrame({"model": ["A", "B", "C"], "mean_place": [2.0, 1.0, 1.0], "n_regions": [3, 2, 1]})
    assert words.best_mean_rank(board) == (
        "Only A has a score in all 3 regions: mean ranks cannot be compared."
    )


def test_equal_scores_have_no_single_winner() -> None:
    tied = best(("A", "V1", 0.3), ("B", "V1", 0.3), ("C", "V1", 0.1))
    assert words.highest(tied) == "The highest alignment is shared by A with V1 and B with V1 (rho = 0.300)."
    assert words.best_of_groups(tied, NONE) == ["Early region: A and B align equally well (rho 0.300)."]
    assert words.highest(tied.tail(2)) == (
        "The highest alignment is that of B with V1, at layer fc (rho = 0.300, p = 0.020)."
    )
    untested = tied.tail(2).with_columns(p_value=pl.lit(None, pl.Float64))
    assert words.highest(untested).endswith("(rho = 0.300).")
    assert words.best_networks(tied, NONE)["model"].to_list() == ["A"]


def test_scores_that_are_not_above_0_are_no_alignment() -> None:
    below = best(("A", "V1", -0.02), ("B", "V1", -0.03))
    assert words.best_of_groups(below, ceilings(("V1", 0.2, True))) == [
        "Early region: no network aligns; A comes closest (rho -0.020; lower noise ceiling 0.200)."
    ]
    assert words.best_of_groups(below.head(1), NONE) == ["Early region: A does not align (rho -0.020)."]
    at_zero = best(("A", "V1", 0.0), ("B", "V1", 0.0))
    assert words.best_of_groups(at_zero, NONE) == [
        "Early region: no network aligns; A and B come closest (rho 0.000)."
    ]


def test_groups_that_share_a_depth_are_all_named() -> None:
    rows = best(("A", "V1", 0.3), ("A", "I1", 0.3), ("A", "M1", 0.3), depth=[0.251, 0.254, 0.75])
    said = words.depths(rows)
    assert said.startswith(
        "Best layers lie earliest for early and ventral regions (median depth 0.25) and la"
    )
    # 0.251 and 0.254 are printed alike.
    level = "The median depth of best layers is 0.25 in every region group"
    assert words.depths(rows.head(2)).startswith(level)
    unknown = rows.with_columns(depth=pl.lit(None, pl.Float64))
    assert (words.depths(unknown), words.depths(rows.drop("depth"))) == ("", "")


def test_protocols_with_equal_scores_do_not_differ() -> None:
    rows = best(("A", "V1", 0.3), ("B", "V1", 0.3))
    other = rows.with_columns(protocol=pl.lit("paper"))
    assert words.change_between(pl.concat([rows, other]), "sound", "paper") == (
        "Over the 2 pairs of a network and a region that both protocols scored, rho of the best layer is on "
        "average the same under sound as under paper; the best layer is the same in 2 of them. The best "
        "network of the region is the same."
    )
    # B shares the first place under one protocol and has it under the other.
    other = other.with_columns(rho=pl.Series([0.2, 0.4005]))
    said = words.change_between(pl.concat([rows, other]), "sound", "paper")
    assert "less than 0.001 lower under sound than under paper" in said
    assert said.endswith("The best network of the region is the same.")
    other = other.with_columns(layer=pl.lit("conv"), rho=pl.Series([0.3, None]))
    assert words.change_between(pl.concat([rows, other]), "sound", "paper") == (
        "For the only pair of a network and a region that both protocols scored, rho of the best layer is "
        "the same under sound as under paper; the best layer is another."
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        # MT is weak, M2 is untested: they are not among "all regions".
        (
            [("V1", 0.1, True), ("V2", 0.1, True), ("M1", 0.001, False), ("M2", 0.1, None)],
            "The best network reaches the lower noise ceiling in all 2 regions with a reliable ceiling. The "
            "brain data of M1 are too unreliable to say: the lower noise ceiling is not reliably above "
            "chance.",
        ),
        (
            [("V1", 0.1, True), ("V2", 0.5, True), ("M1", None, None)],
            "The best network reaches the lower noise ceiling in 1 of 2 regions with a reliable ceiling; it "
            "stays farthest below it in V2 by 0.200.",
        ),
        # A ceiling that is exceeded, but weak.
        (
            [("V1", -0.1, False)],
            "The brain data of V1 are too unreliable to say whether a network reaches the noise ceiling: the "
            "lower noise ceiling is not reliably above chance.",
        ),
        ([("V1", 0.3, None)], ""),
        ([("X1", 0.1, True), ("X2", 0.1, False)], ""),
    ],
)
def test_only_reliable_ceilings_are_reached(rows: list[Any], said: str) -> None:
    scored = best(*(("A", roi, 0.3) for roi in ("V1", "V2", "M1", "M2")))
    assert ceiling_words.reach_of_ceiling(scored, ceilings(*rows)) == said


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("V1", 0.2, True), ("V2", 0.4, True)], "; lower noise ceiling 0.300, 50 % of it"),
        ([("V1", 0.2, True), ("V2", None, True)], ""),
        ([("V1", 0.2, True), ("V2", 0.2, None)], ""),
        ([("V1", 0.2, True)], ""),
        (
            [("V1", -0.2, False), ("V2", 0.2, True)],
            "; the brain data of V1 are too unreliable for a noise cei",
        ),
    ],
)
def test_a_share_needs_a_reliable_ceiling_of_every_region(rows: list[Any], said: str) -> None:
    found = ceiling_words.ceiling_of_group(["V1", "V2"], ceilings(*rows), 0.15)
    assert found.startswith(said)
    assert bool(found) == bool(said)
    assert "%" not in ceiling_words.ceiling_of_group(["V1", "V2"], ceilings(*rows), -0.15)


BH = "after correction (false discovery rate 0.05, Benjamini-Hochberg)"
MAX = "against the maximum of the nulls over all networks and regions"


@pytest.mark.parametrize(
    ("q", "family", "said"),
    [
        # The corrections find different layers: nothing is "still" significant.
        ([0.2, 0.3], [0.01, 0.3], f"None of the 2 best layers is significant {BH}; {MAX}, 1 is."),
        ([0.01, 0.3], [0.2, 0.01], f"1 of 2 best layers is significant {BH}; {MAX}, 1 is."),
        ([0.01, 0.2], [0.01, 0.01], f"1 of 2 best layers is significant {BH}; {MAX}, all are."),
        # A test that was not done is not counted.
        ([0.01, 0.02], [0.01, None], f"All 2 best layers are significant {BH}; {MAX}, 1 still is."),
        ([0.01, 0.02], [None, None], f"All 2 best layers are significant {BH}."),
        # p is 0.02 in every row.
        ([None, 0.06], [None, 0.06], "The only tested best layer is not significant (p = 0.060)."),
        ([0.05, 0.05], [0.05, 0.05], f"None of the 2 best layers is significant {BH}; {MAX}, none is."),
    ],
)
def test_corrections_that_disagree(q: list[Any], family: list[Any], said: str) -> None:
    rows = best(("A", "V1", 0.1), ("A", "V2", 0.1)).with_columns(
        q_value=pl.Series(q, dtype=pl.Float64), p_family=pl.Series(family, dtype=pl.Float64)
    )
    assert statistics_words.significant_layers(rows) == said
    assert statistics_words.significant_layers(rows.drop("q_value")) == ""


def test_significant_layers_whose_interval_includes_0() -> None:
    rows = best(("A", "V1", 0.1), ("A", "V2", 0.1), ("A", "V3", 0.1)).with_columns(
        q_value=pl.Series([0.01, 0.01, 0.9]), rho_lower=pl.Series([-0.1, 0.05, -0.1]), rho_upper=0.3
    )
    assert statistics_words.significant_layers(rows) == (
        f"2 of 3 best layers are significant {BH}; the interval of 1 of these over other stimuli or subjects "
        "includes 0."
    )
    assert statistics_words.significant_layers(rows.head(1)) == (
        "The only best layer is significant (p = 0.010); its interval over other stimuli or subjects "
        "includes 0."
    )
    for other in (rows.with_columns(rho_lower=0.01), rows.with_columns(rho_lower=pl.lit(None, pl.Float64))):
        assert statistics_words.significant_layers(other) == f"2 of 3 best layers are significant {BH}."


def compared(*rows: tuple[str, float | None, float | None], **more: Any) -> pl.DataFrame:
    """Rows of (roi, difference, p) of the groups A and B, with an interval around the difference."""
    roi, statistic, p = zip(*rows, strict=True)
    half = 0.01
    columns = {
        "roi": roi, "statistic": statistic, "p_adjusted": p,
        "lower": [None if each is None else each - half for each in statistic],
        "upper": [None if each is None else each + half for each in statistic],
    }  # fmt: skip
    fixed = {"group_by": "arch_type", "group_a": "A", "group_b": "B", "n_a": 3, "n_b": 1, "level": 0.95}
    schema = dict.fromkeys(("statistic", "p_adjusted", "lower", "upper"), pl.Float64)
    return pl.DataFrame(
        {**fixed, "correction": "holm", **columns, **more}, schema_overrides=schema
    )  # fmt: skip


def test_equal_medians_are_called_equal() -> None:
    assert statistics_words.group_differences(compared(("V1", 0.0, 0.01))) == [
        "By architecture, in V1 the median rho of A (3 networks) equals that of B (1 network) (p = 0.010 "
        "against networks unrelated to the brains; 95 % interval -0.010 to 0.010, which includes 0), which "
        "is significant."
    ]


def test_differences_without_a_number_or_a_test_are_not_compared() -> None:
    whole = compared(("V1", 0.1, 0.01))
    for lacking in (("M1", None, 0.01), ("M1", 0.9, None)):
        rows = compared(("V1", 0.1, 0.01), lacking)
        assert statistics_words.group_differences(rows) == statistics_words.group_differences(whole)
        assert statistics_words.group_differences(rows.tail(1)) == []


@pytest.mark.parametrize(
    ("difference", "p", "words_of_interval", "verdict"),
    [
        # The test finds nothing, and the interval excludes 0; the other way round; both agree.
        (-0.05, 0.2, "95 % interval 0.040 to 0.060)", "which is not significant."),
        (-0.005, 0.01, "95 % interval -0.005 to 0.015, which includes 0)", "which is significant."),
        (-0.01, 0.01, "95 % interval 0.000 to 0.020, which includes 0)", "which is significant."),
        (0.05, 0.05, "95 % interval 0.040 to 0.060)", "which is not significant."),
    ],
)
def test_a_test_and_an_interval_that_disagree(
    difference: float, p: float, words_of_interval: str, verdict: str
) -> None:
    [said] = statistics_words.group_differences(compared(("V1", difference, p)))
    assert f"against networks unrelated to the brains; {words_of_interval}" in said
    assert said.endswith(verdict)
    higher = "B (1 network) is" if difference < 0 else "A (3 networks) is"
    assert f"the median rho of {higher} {abs(difference):.3f} above" in said


def chosen(*rows: tuple[float | None, float]) -> pl.DataFrame:
    """Rows of (rho on other stimuli, plain maximum)."""
    fair, plain = zip(*rows, strict=True)
    columns = {"rho": fair, "highest_rho": plain, "chosen_on": "halves", "layer": "a", "highest_layer": "b"}
    return pl.DataFrame(columns, schema_overrides={"rho": pl.Float64})


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(0.2, 0.2)], "rho is equal to the plain maximum (0.200); both name different layers."),
        ([(0.3, 0.2)], "rho is 0.100 higher than the plain maximum (0.300 against 0.200)"),
        (
            [(0.1, 0.3), (0.3, 0.1)],
            "equal to the plain maximum (0.200), over 2 pairs of a network and a region",
        ),
        ([(0.1, 0.2), (None, 0.9)], "rho is 0.100 lower than the plain maximum (0.100 against 0.200)"),
    ],
)
def test_choices_that_change_nothing_or_contradict(rows: list[Any], said: str) -> None:
    found = statistics_words.layer_choices(chosen(*rows))
    assert said in found
    assert found.startswith("Chosen on one half of the stimuli and scored on the other, ")


def test_choices_of_both_kinds_or_without_scores() -> None:
    both = chosen((0.1, 0.2), (0.1, 0.2)).with_columns(chosen_on=pl.Series(["halves", "train"]))
    assert statistics_words.layer_choices(both).startswith("Chosen and scored on different stimuli, best")
    assert statistics_words.layer_choices(chosen((None, 0.2))) == ""


def correlated(*rows: tuple[str, float, float, int], given: str = "") -> pl.DataFrame:
    """Rows of (figure, lower, upper, networks)."""
    columns = ("figure", "lower", "upper", "n_networks")
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        given=pl.lit(given), method=pl.lit("spearman"), correlation=0.5, level=0.95
    )


def test_correlations_that_contradict_each_other() -> None:
    rows = correlated(("gflops", 0.1, 0.9, 8), ("gflops", 0.0, 0.9, 9), ("gflops", 0.2, 0.9, 7))
    # 7 networks have no interval, 8 or more do; an interval from 0 finds nothing.
    assert statistics_words.complexity_in_words(rows) == [
        "Networks with more GFLOPs align better in 1 and worse in none of 2 regions (95 % intervals of "
        "Spearman's correlation over 8 to 9 networks)."
    ]
    # A partial correlation is another question.
    assert statistics_words.complexity_in_words(correlated(("gflops", 0.1, 0.9, 99), given="top1")) == []


def test_gaps_that_no_other_test_names() -> None:
    rows = best(("A", "V1", 0.3), ("B", "V1", 0.2), depth=[None, 0.5])
    assert gaps.depths_gap(rows).startswith("The order of the layers of A is not known, so curves over depth")
    assert "leave them out" in gaps.depths_gap(rows.with_columns(depth=pl.lit(None, pl.Float64)))
    assert gaps.depths_gap(rows.drop("depth")) == ""
    lacking = rows.with_columns(p_value=pl.Series([None, 0.1]))
    assert gaps.tests_gap(lacking) == "1 best layer has no p-value: run alignhouse analyse rsa STUDY.toml."
    assert gaps.ceilings_gap(rows, ceilings(("V1", None, None))) == (
        "There is no noise ceiling of V1: it needs two subjects."
    )
    # A ceiling that is missing is not one that was not tested.
    assert gaps.ceiling_tests_gap(ceilings(("V1", None, None))) == ""
    assert gaps.groups_gap(rows, NONE, "arch_type") == ""
    assert gaps.groups_gap(rows.head(1).with_columns(arch_type=pl.lit("x")), NONE, "arch_type") == ""


def test_methods_of_an_average_subject_do_not_speak_of_each_subject() -> None:
    text = " ".join(study_methods({"brain": {"average_subjects": True}}, ""))
    assert "with the average of the subjects' RDMs, over all pairs of stimuli." in text
    assert "each subject" not in text
    assert "with that of each subject" in " ".join(study_methods({"brain": {"average_subjects": False}}, ""))


def test_methods_of_networks_and_of_what_was_not_done() -> None:
    [first, second, _] = study_methods({"networks": {"random": ["A"], "seed": 3}}, "")
    assert first == "The table of networks lists the weights of each network."
    assert second.startswith("Networks named NAME-random3 were untrained: random weights, seed 3")
    [given, _] = study_methods({"networks": {"rdms": "m", "weights": "random", "seed": 3}}, "")
    assert given == "RDMs of the networks' layers were given as files."
    [train] = protocol_methods({}, {"chosen_on": "train", "permutations": 0, "draws": None}, extracted=True)
    assert train == "Layers were also chosen on the training stimuli and scored on the test stimuli."
    one = protocol_methods({}, {"permutations": 1, "seed": 0}, extracted=True)
    assert one[1].startswith("Tests use 1 permutation (seed 0)")


def beyond(*rows: tuple[float | None, float | None, float | None]) -> pl.DataFrame:
    """Rows of (partial rho, its p_family, p of the unique variance) of networks in V1, given a control."""
    schema = dict.fromkeys(("partial_rho", "p_family", "unique_p_network"), pl.Float64)
    models = [f"net{number}" for number in range(len(rows))]
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        model=pl.Series(models), roi=pl.lit("V1"), rho=0.3, controls=pl.lit("gist"), n_controls=1,
        reason=pl.when(pl.col("partial_rho").is_null()).then(pl.lit("equal")).otherwise(pl.lit("")),
    )  # fmt: skip


ADDS = "A layer adds to the variance that the control models explain in"


@pytest.mark.parametrize(
    ("rows", "found", "said"),
    [
        # The two tests disagree, in both directions.
        ([(0.2, 0.01, 0.5)], "in 1 of 1 case (", f"{ADDS} 0 of 1 case (p < 0.05, one-sided"),
        ([(0.2, 0.5, 0.01)], "in 0 of 1 case (", f"{ADDS} 1 of 1 case (p < 0.05, one-sided"),
        # A p of exactly .05 finds nothing; cases that were not tested are not counted.
        (
            [(0.2, 0.01, 0.05), (0.1, 0.5, 0.01), (0.1, 0.5, None)],
            "in 1 of 3 cases (",
            f"{ADDS} 1 of 2 cases (",
        ),
        ([(0.2, 0.01, None)], "in 1 of 1 case (", ""),
        # Nothing is left of the ranks, but of the dissimilarities.
        ([(None, None, 0.01)], "nothing is left of any network's ranks: equal.", f"{ADDS} 1 of 1 case ("),
    ],
)
def test_tests_beyond_controls_that_disagree(rows: list[Any], found: str, said: str) -> None:
    sentences = control_words.beyond_controls_in_words(beyond(*rows))
    assert found in sentences
    assert said in sentences
    assert (ADDS in sentences) == bool(said)
    older = beyond(*rows).drop("unique_p_network")
    assert ADDS not in control_words.beyond_controls_in_words(older)


def reordered(*rows: tuple[str, str, float, float], resampled: str = "both") -> pl.DataFrame:
    """Rows of (order, comparison, difference, p)."""
    columns = ("frame_order", "comparison", "difference", "p_value")
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(resampled=pl.lit(resampled))


def test_orders_of_frames_that_contradict_each_other() -> None:
    rows = reordered(
        # A gain and a loss that cancel, a p of exactly .05, a difference without a direction.
        ("frozen", "best_layer", 0.25, 0.01),
        ("frozen", "best_layer", -0.125, 0.01),
        ("frozen", "best_layer", -0.125, 0.05),
        ("frozen", "best_layer", 0.0, 0.01),
        ("frozen", "same_layer", 0.9, 0.01),
        ("shuffled", "best_layer", -0.125, 0.9),
    )
    assert control_words.frame_orders_in_words(rows) == [
        "Shown frozen frames, a video network aligns worse in 1 and better in 1 of 4 cases (p < 0.05 over "
        "other stimuli and subjects, not corrected for the number of cases); on average rho is the same.",
        "Shown shuffled frames, a video network aligns worse in 0 and better in 0 of 1 case (p < 0.05 over "
        "other stimuli and subjects, not corrected for the number of cases); on average rho is 0.125 higher.",
    ]
    [said] = control_words.frame_orders_in_words(rows.head(1))
    assert "aligns worse in 1 and better in 0 of 1 case (" in said
    assert said.endswith("on average rho is 0.250 lower.")
    # One subject of some region: nothing is said about other subjects.
    [said] = control_words.frame_orders_in_words(
        pl.concat([rows.head(1), reordered(("frozen", "best_layer", 0.1, 0.01), resampled="stimuli")])
    )
    assert "over other stimuli, not corrected" in said
    assert control_words.frame_orders_in_words(rows.filter(comparison="same_layer")) == []
    assert control_words.frame_orders_in_words(NONE) == []
