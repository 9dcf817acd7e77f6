"""Sentences about control models, and about networks given these.

Each function takes rows of one protocol, data set and split and returns a sentence, or "" without results.
"""

from __future__ import annotations

import polars as pl

from alignhouse.analysis.figures.frames import how_many, listed
from alignhouse.analysis.report.tables import decimal, p_equals

SIGNIFICANT = 0.05


def best_controls(controls: pl.DataFrame) -> str:
    """The control model with the highest rho of all regions, and how many there are.

    `controls` is the answer to the query controls. Networks that saw frames in another order are left out.
    """
    if controls.is_empty():
        return ""
    simple = controls.filter(pl.col("network").is_null())
    if simple.is_empty():
        return ""
    top = simple.sort("rho", "control", "roi", descending=[True, False, False]).row(0, named=True)
    number = how_many(simple["control"].n_unique(), "control model")
    return (
        f"Apart from the networks, {number} made from the stimuli; the highest alignment of one is that of "
        f"{top['control']} with {top['roi']} (rho = {decimal(top['rho'])}, "
        f"{p_equals(top['p_value'], top['permutations'])})."
    )


def beyond_controls_in_words(beyond: pl.DataFrame) -> str:
    """How many networks explain a region beyond all control models, and the highest partial rho.

    `beyond` is the answer to the query beyond_controls: one layer per network and region. unique_p_network
    is the p of the network's unique variance, linear in dissimilarities; it may be missing.
    """
    if beyond.is_empty():
        return ""
    first = beyond.row(0, named=True)
    given = f"Given {how_many(first['n_controls'], 'control model')} ({first['controls']})"
    tested = beyond.drop_nulls("partial_rho")
    if tested.is_empty():
        reasons = listed(beyond["reason"].unique().sort().to_list())
        return f"{given}, nothing is left of any network's ranks: {reasons}.{_unique_in_words(beyond)}"
    found = tested.filter(pl.col("p_family") < SIGNIFICANT)
    top = tested.sort("partial_rho", "model", "roi", descending=[True, False, False]).row(0, named=True)
    cases = how_many(tested.height, "case")
    return (
        f"{given}, a network still aligns with a region in {found.height:,} of {cases} "
        f"(p < {SIGNIFICANT} against the maximum over the network's layers, "
        f"not corrected for the number of cases); the highest partial rho is that of {top['model']} with "
        f"{top['roi']} ({decimal(top['partial_rho'])}; without controls {decimal(top['rho'])})."
        f"{_unique_in_words(beyond)}"
    )


def _unique_in_words(beyond: pl.DataFrame) -> str:
    """The tests of unique variances, which hold their level where controls explain most of a brain."""
    if "unique_p_network" not in beyond.columns:
        return ""
    tested = beyond.drop_nulls("unique_p_network")
    if tested.is_empty():
        return ""
    found = tested.filter(pl.col("unique_p_network") < SIGNIFICANT)
    return (
        f" A layer adds to the variance that the control models explain in {found.height:,} of "
        f"{how_many(tested.height, 'case')} (p < {SIGNIFICANT}, one-sided, corrected for the network's "
        "layers only)."
    )


def frame_orders_in_words(differences: pl.DataFrame) -> list[str]:
    """What networks lose with frames in another order, by order: the best layer of each order is compared.

    `differences` is the answer to the query frame_order.
    """
    if differences.is_empty():
        return []
    best = differences.filter(comparison="best_layer")
    sentences = []
    for order in best["frame_order"].cast(pl.String).unique().sort().to_list():
        rows = best.filter(frame_order=order)
        found = rows.filter(pl.col("p_value") < SIGNIFICANT)
        worse = found.filter(pl.col("difference") > 0).height
        better = found.filter(pl.col("difference") < 0).height
        over = "stimuli and subjects" if (rows["resampled"] == "both").all() else "stimuli"
        sentences.append(
            f"Shown {order} frames, a video network aligns worse in {worse:,} and better in {better:,} of "
            f"{how_many(rows.height, 'case')} (p < {SIGNIFICANT} over other {over}, not corrected for the "
            f"number of cases); on average rho is {_changed(sum(rows['difference']) / rows.height)}."
        )
    return sentences


def _changed(loss: float) -> str:
    if loss == 0:
        return "the same"
    return f"{decimal(abs(loss))} {'lower' if loss > 0 else 'higher'}"
