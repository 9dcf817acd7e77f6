"""Sentences about control models and about networks given these."""

from __future__ import annotations

from typing import Any

import polars as pl

from alignhouse.analysis.report.control_words import best_controls, beyond_controls_in_words


def controls(*rows: tuple[str, str | None, str, float, float]) -> pl.DataFrame:
    names = ["control", "network", "roi", "rho", "p_value"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(permutations=pl.lit(999))


def beyond(*rows: tuple[str, str, float | None, float | None]) -> pl.DataFrame:
    schema: dict[str, Any] = {
        "model": pl.String,
        "roi": pl.String,
        "partial_rho": pl.Float64,
        "p_family": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        rho=pl.lit(0.3), controls=pl.lit("gist, hog"), n_controls=2, reason=pl.lit("it is a control")
    )


def test_the_best_control_is_named_and_networks_in_other_orders_are_none() -> None:
    rows = controls(
        ("gist", None, "V1", 0.25, 0.001),
        ("hog", None, "V1", 0.1, 0.2),
        ("x3d@frozen", "x3d", "V1", 0.4, 0.001),
    )
    assert best_controls(rows) == (
        "Apart from the networks, 2 control models made from the stimuli; the highest alignment of one is "
        "that of gist with V1 (rho = 0.250, p = 0.001)."
    )
    assert best_controls(rows.filter(pl.col("network").is_not_null())) == ""
    assert best_controls(pl.DataFrame()) == ""


def test_cases_beyond_the_controls_are_counted_and_the_highest_is_named() -> None:
    rows = beyond(("a", "V1", 0.12, 0.01), ("b", "V1", 0.2, 0.06), ("c", "V1", None, None))
    assert beyond_controls_in_words(rows) == (
        "Given 2 control models (gist, hog), a network still aligns with a region in 1 of 2 cases (p < 0.05 "
        "against the maximum over the network's layers, not corrected for the number of cases); the highest "
        "partial rho is that of b with V1 (0.200; without controls 0.300)."
    )


def test_networks_that_are_controls_say_why_nothing_is_left() -> None:
    assert beyond_controls_in_words(beyond(("c", "V1", None, None))) == (
        "Given 2 control models (gist, hog), nothing is left of any network's ranks: it is a control."
    )
    assert beyond_controls_in_words(pl.DataFrame()) == ""
