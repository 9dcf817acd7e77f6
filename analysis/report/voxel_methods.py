"""Describe how voxels were encoded and their variance partitioned, from settings and stored rows."""

from __future__ import annotations

from typing import Any

import polars as pl

from alignhouse.analysis.figures.frames import how_many
from alignhouse.analysis.figures.score_names import encoded_protocol
from alignhouse.analysis.figures.theme import percent_of
from alignhouse.analysis.report.content import VoxelResults
from alignhouse.analysis.report.methods import section_of, setting_sentences
from alignhouse.analysis.statistics.regression import MOST_FOLDS


def encoding_methods(results: VoxelResults) -> list[str]:
    """Sentences on a voxel encoding. Settings that are unknown, and what was not computed, are left out."""
    rows, asked = results.encoding, section_of(results.settings, "encoding")
    if rows.is_empty():
        return []
    told = setting_sentences()["encoding"]
    sentences = [
        "The responses of each voxel, averaged over repetitions, were predicted from the features that the "
        f"{encoded_protocol(results.protocol)} protocol describes, by ridge regression with an intercept in "
        "its dual form (Saunders, Gammerman & Vovk 1998). It needs the inner products of features, which "
        "their squared Euclidean distances hold."
    ]
    sentences += [
        told["chosen_on"][each].format(most_folds=MOST_FOLDS) for each in _values(rows, "chosen_on")
    ]
    if "alphas" in asked:
        by, per = (told[name].get(asked.get(name), "") for name in ("alpha_by", "alpha_per"))
        sentences.append(f"{by} {per}, {_penalties(asked['alphas'])}.")
    sentences.append(told["normalised"][_are_normalised(rows)])
    tested = rows.drop_nulls("p_value")
    for each in _values(tested, "chosen_on"):
        first = tested.filter(chosen_on=each).row(0, named=True)
        permutations = how_many(first["permutations"], "permutation")
        sentences.append(told["test"][each].format(permutations=permutations, seed=first["seed"]))
    rule = section_of(results.settings, "analysis").get("p_value")
    if not tested.is_empty() and rule is not None:
        sentences.append(setting_sentences()["analysis"]["p_value"].get(rule, f"Rule of p: {rule}."))
    return [*sentences, *_intervals(rows)]


def partition_methods(results: VoxelResults) -> list[str]:
    """Sentences on a variance partition; [] if none was computed."""
    rows = results.variance_partition
    rows = rows if rows.is_empty() else rows.drop_nulls("r2_both")
    if rows.is_empty():
        return []
    told = setting_sentences()["partition"]
    first = rows.row(0, named=True)
    candidates = how_many(first["candidates"], "weight vector")
    sentences = [
        "The best layer of each network in the encoding was compared with all control models together by "
        "banded ridge regression, in which each Gram matrix has its own weight (Dupré la Tour et al. 2022). "
        "Gram matrices of controls are −C D C / 2, with their squared distances D and the centring matrix C "
        "(Torgerson 1952).",
        f"Weights and penalty were chosen together on the fitted stimuli, by random search over {candidates} "
        f"(Dirichlet, concentrations 1 and 0.1; seed {first['seed']}). The joint model draws mixtures of "
        "both sets, and may use one set alone.",
        *(told["weights_per"][each] for each in _values(rows, "weights_per")),
        "R squared is 1 − (sum of squared errors) / (sum of squares) on stimuli that were not fitted. The "
        "unique part of a set is R squared of the joint model minus that of the other set alone, and the "
        "shared part is the sum of both alone minus the joint model (de Heer et al. 2017; Lescroart et al. "
        "2015).",
        told["normalised"][_are_normalised(rows)],
    ]
    return [*sentences, *_intervals(rows)]


def _intervals(rows: pl.DataFrame) -> list[str]:
    told = setting_sentences()["encoding"]["interval"]
    known = rows.drop_nulls("method")
    sentences = []
    for method in _values(known, "method"):
        first = known.filter(method=method).row(0, named=True)
        draws = how_many(first["draws"], "bootstrap sample")
        sentences.append(told[method].format(level=percent_of(first["level"]), draws=draws))
    return sentences


def _penalties(alphas: list[float]) -> str:
    """The values that penalties were chosen from."""
    unit = "the mean eigenvalue of a layer's inner products"
    if len(alphas) == 1:
        return f"which is {alphas[0]:g} times {unit}"
    return f"among {len(alphas)} values from {min(alphas):g} to {max(alphas):g} times {unit}"


def _are_normalised(rows: pl.DataFrame) -> str:
    """Whether scores are divided by noise ceilings: "yes", "no", or in "some" regions."""
    shares: Any = rows["is_normalised"].mean()
    return {1.0: "yes", 0.0: "no"}.get(float(shares), "some")


def _values(rows: pl.DataFrame, column: str) -> list[str]:
    return rows[column].cast(pl.String).unique().sort().to_list() if not rows.is_empty() else []
