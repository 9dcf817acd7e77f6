"""The jobs of protocols with other measures: their rows are those of the statistics on the stored RDMs."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from measured_plainly import plainly
from stored_rdms import CONDITIONS, LAYERS, Stored, artifacts_of

from alignhouse.analysis.jobs.bootstraps import bootstrap_batch
from alignhouse.analysis.jobs.layer_choices import layer_choice_batch
from alignhouse.analysis.jobs.measure_agreement import MeasureAgreementSettings, measure_agreement_batch
from alignhouse.analysis.jobs.network_similarity import network_similarity_batch
from alignhouse.analysis.jobs.noise_ceilings import noise_ceiling_batch
from alignhouse.analysis.jobs.scope import Scope, read_facts
from alignhouse.analysis.jobs.scores import rsa_batch
from alignhouse.analysis.statistics.bootstrap import bootstrap_scores
from alignhouse.analysis.statistics.layer_choice import choice_from_scores, scores_on_halves
from alignhouse.analysis.statistics.measure_agreement import order_agreement
from alignhouse.analysis.statistics.noise_ceiling import noise_ceiling
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.rsa import score_networks
from alignhouse.analysis.statistics.settings import AnalysisSettings

MEMORY = 10**6


def scope_by(measure: Any) -> Scope:
    name = "sound" if measure == "spearman" else f"sound-{measure}"
    return Scope(protocol=name, settings=AnalysisSettings(measure=measure), dataset="d", split="test")


@pytest.mark.parametrize("measure", ["rho_a", "cka", "kendall_tau_a"])
def test_each_job_uses_the_measure_of_its_protocol(stored: Stored, measure: Any) -> None:
    scope = scope_by(measure)
    models = list(stored.models)
    batch = rsa_batch(scope, models, stored.brains, permutations=20, seed=0, memory=MEMORY)
    scores = score_networks(
        stored.model_rdms, stored.brain_rdms, stimulus_permutations(10, 20, 0), scope.settings
    )
    for job, artifacts in zip(batch.jobs, artifacts_of(stored.root, batch).values(), strict=True):
        network = job.settings["model"]
        rows = read_facts(artifacts, "alignment").filter(roi="V1")
        np.testing.assert_array_equal(rows["rho"], scores[network]["V1"].rho.ravel())
    [ceiling] = artifacts_of(
        stored.root,
        noise_ceiling_batch(scope, stored.brains, "", permutations=9, seed=0, level=0.95, memory=MEMORY),
    ).values()
    [row] = read_facts(ceiling, "noise_ceiling").filter(roi="V1").iter_rows(named=True)
    expected = noise_ceiling(stored.brain_rdms["V1"], measure=measure)
    assert (row["lower"], row["upper"]) == (expected.lower, expected.upper)
    batch = layer_choice_batch(
        scope, models, stored.brains, train=frozenset(), halvings=3, seed=0, memory=MEMORY
    )
    halves = scores_on_halves(
        stored.model_rdms["a"], stored.brain_rdms, halvings=3, seed=0, measure=measure, precision="float32"
    )
    row = read_facts(artifacts_of(stored.root, batch)[batch.jobs[0].key], "layer_choice").filter(roi="V1")
    assert row["rho"].item() == pytest.approx(choice_from_scores(*halves["V1"], "halves").score, abs=1e-6)


def test_agreement_is_that_of_the_bootstraps_of_both_protocols(stored: Stored) -> None:
    found = {}
    for measure in ("spearman", "cka"):
        batch = bootstrap_batch(
            scope_by(measure), stored.models, stored.brains, draws=30, level=0.9, seed=1, memory=MEMORY
        )
        done = artifacts_of(stored.root, batch)
        found[measure] = {job.settings["model"]: done[job.key] for job in batch.jobs}
    settings = MeasureAgreementSettings(
        protocol="sound",
        other="sound-cka",
        dataset="d",
        split="test",
        level=0.9,
        labels={"arch_type": {"a": "CNN", "b": "CNN", "c": "Transformer"}},
        remark="made up",
    )
    batch = measure_agreement_batch(settings, found["spearman"], found["cka"])
    [artifacts] = artifacts_of(stored.root, batch).values()
    rows = read_facts(artifacts, "measure_agreement")
    assert rows.select("compared", "roi", "group_by", "n").rows() == [
        ("networks", "V1", None, 3),
        ("groups", "V1", "arch_type", 2),
        ("networks", "EBA", None, 3),
        ("groups", "EBA", "arch_type", 2),
        ("regions", None, None, 2),
    ]
    assert set(rows["resampled"]) == {"both"}
    sides = []
    for measure in ("spearman", "cka"):
        best = [
            bootstrap_scores(rdms, stored.brain_rdms, draws=30, seed=1, measure=measure)["V1"].best_layer()  # type: ignore[arg-type]
            for rdms in stored.model_rdms.values()
        ]
        both = [each.both for each in best if each.both is not None]
        sides.append((np.concatenate([each.observed for each in best]), np.concatenate(both)))
    (one, one_samples), (other, other_samples) = sides
    expected = order_agreement(one, other, one_samples, other_samples, 0.9)
    [row] = rows.filter(compared="networks", roi="V1").iter_rows(named=True)
    assert (row["statistic"], row["lower"], row["upper"]) == pytest.approx(
        (expected.statistic, expected.lower, expected.upper)
    )
    # Two regions have no correlation of orders.
    assert rows.filter(compared="regions")["statistic"].item() is None


def test_networks_are_compared_by_their_best_layers_and_by_all(stored: Stored) -> None:
    scope, models = scope_by("whitened_cosine"), list(stored.models)
    scores = rsa_batch(scope, models, stored.brains, permutations=9, seed=0, memory=MEMORY)
    done = artifacts_of(stored.root, scores)
    of_models = {job.settings["model"]: done[job.key] for job in scores.jobs}
    batch = network_similarity_batch(scope, models, of_models, "made up", memory=MEMORY)
    [artifacts] = artifacts_of(stored.root, batch).values()
    rows = read_facts(artifacts, "network_similarity")
    assert rows.group_by("roi").len().sort("roi", nulls_last=True).rows() == [
        ("EBA", 3),
        ("V1", 3),
        (None, 3),
    ]
    for row in rows.iter_rows(named=True):
        one, other = (
            stored.model_rdms[row[name]][LAYERS[row[name]].index(row[layer])]
            for name, layer in (("model", "layer"), ("other_model", "other_layer"))
        )
        assert row["similarity"] == pytest.approx(
            plainly("whitened_cosine", one, other, np.arange(len(CONDITIONS))), abs=1e-6
        )
        if row["roi"] is not None:
            means = read_facts(of_models[row["model"]], "alignment").filter(roi=row["roi"])
            best = means.group_by("layer").agg(pl.col("rho").mean()).sort("rho")["layer"][-1]
            assert row["layer"] == best
