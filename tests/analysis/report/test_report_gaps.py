"""The report lists missing results with the command to run; without gaps, it lists nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from alignhouse.analysis.report.content import Results, results_by_protocol
from alignhouse.analysis.report.gaps import gaps

Content = Callable[..., Any]


@pytest.fixture
def whole(content: Content) -> Results:
    """Results that lack nothing: two groups of two networks each."""
    made = content()
    best = pl.concat(
        [made.best_layer, made.best_layer.with_columns(model=pl.col("model") + "-2")]
    ).with_columns(model_type=pl.col("arch_type"))
    [results] = results_by_protocol(
        replace(
            made,
            best_layer=best,
            networks=best.select("model").unique().with_columns(parameters=1, gflops=1.0, top1=1.0),
            group_comparison=best.select("protocol", "dataset", "split")
            .head(1)
            .with_columns(group_by=pl.lit("model_type")),
            layer_choice=best.select("protocol", "dataset", "split").head(1),
        )
    )
    return results


def said(results: Results, **changed: Any) -> list[str]:
    return gaps(replace(results, **changed), ["model_type"])


def without(column: str) -> pl.Expr:
    return pl.lit(None).cast(pl.Float64).alias(column)


def test_without_gaps_the_report_lists_none(whole: Results) -> None:
    assert said(whole) == []


def test_an_empty_protocol_says_what_to_run(whole: Results) -> None:
    [only] = said(whole, best_layer=pl.DataFrame())
    assert only == "There are no scores under this protocol: run alignhouse analyse rsa STUDY.toml."


def test_regions_without_a_ceiling_are_named(whole: Results) -> None:
    lacking = whole.noise_ceiling.with_columns(
        lower=pl.when(pl.col("roi") == "V2").then(None).otherwise("lower")
    )
    assert said(whole, noise_ceiling=lacking) == ["There is no noise ceiling of V2: it needs two subjects."]
    untested = whole.noise_ceiling.with_columns(
        is_reliable=pl.col("roi").cast(pl.String).ne("V1").replace(False, None)
    )
    assert said(whole, noise_ceiling=untested) == [
        "The noise ceiling of V1 was not tested against chance, so it has no shares: run "
        "alignhouse analyse rsa STUDY.toml."
    ]
    nothing = said(whole, noise_ceiling=pl.DataFrame())
    assert nothing == ["There is no noise ceiling of any region: it needs two subjects."]


def test_a_network_without_a_score_is_named(whole: Results) -> None:
    best = whole.best_layer.filter((pl.col("model") != "TSN") | (pl.col("roi") != "MT"))
    [only] = said(whole, best_layer=best)
    assert only.startswith("TSN has no score in some of the 3 regions;")


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("p_value", "18 best layers have no p-value: run alignhouse analyse rsa STUDY.toml."),
        (
            "q_value",
            "The p-values are not corrected for the number of tests: run alignhouse analyse rsa STUDY.toml.",
        ),
        (
            "rho_lower",
            "There are no intervals: run alignhouse analyse uncertainty STUDY.toml, with [analysis] "
            "bootstraps above 0.",
        ),
    ],
)
def test_tests_and_intervals_that_were_not_done(whole: Results, column: str, sentence: str) -> None:
    assert said(whole, best_layer=whole.best_layer.with_columns(without(column))) == [sentence]


def test_choices_on_other_stimuli_that_were_not_done(whole: Results) -> None:
    [only] = said(whole, layer_choice=pl.DataFrame())
    assert "run alignhouse analyse uncertainty STUDY.toml, with [analysis] halvings above 0" in only


def test_groups_that_cannot_be_compared(whole: Results) -> None:
    one = whole.best_layer.with_columns(model_type=pl.lit("CNNs"))
    assert said(whole, best_layer=one) == [
        "All networks have the same model type, CNNs: there are no groups to compare."
    ]
    [only] = said(whole, group_comparison=pl.DataFrame())
    assert only.startswith(
        "Groups by model type are drawn but not compared: add model_type to group_by in [report]"
    )
    single = whole.best_layer.with_columns(
        model_type=pl.when(pl.col("model") == "ViT").then(pl.lit("lonely")).otherwise("model_type")
    )
    sentence = said(whole, best_layer=single)
    assert sentence == ["By model type, the groups Transformers and lonely have a single network each."]
    three = single.filter(pl.col("model") != "ViT-2")
    assert said(whole, best_layer=three) == ["By model type, the group lonely has a single network."]


def test_networks_without_figures_are_named(whole: Results) -> None:
    for column, sentence in (
        ("gflops", "The GFLOPs of TSN are unknown."),
        ("parameters", "The number of parameters of TSN is unknown."),
        ("top1", "The top-1 accuracy of TSN is unknown."),
    ):
        lacking = whole.networks.with_columns(
            pl.when(pl.col("model") == "TSN").then(None).otherwise(column).alias(column)
        )
        assert said(whole, networks=lacking) == [sentence]
    nothing = whole.networks.with_columns(gflops=pl.lit(None))
    assert said(whole, networks=nothing) == ["The GFLOPs of all networks are unknown."]


def test_untrained_networks_lack_no_accuracy(whole: Results) -> None:
    networks = whole.networks.with_columns(
        top1=pl.lit(None, pl.Float64),
        weights=pl.when(pl.col("model") == "TSN").then(pl.lit("pretrained")).otherwise(pl.lit("random")),
    )
    assert said(whole, networks=networks) == ["The top-1 accuracy of TSN is unknown."]
    assert said(whole, networks=networks.with_columns(weights=pl.lit("random"))) == []
