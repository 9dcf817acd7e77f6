"""Jobs of scores, noise ceilings and tests of best layers: their keys, files and rows."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import false_discovery_control, spearmanr
from stored_rdms import CONDITIONS, LAYERS, N_PAIRS, SUBJECTS, Stored, artifacts_of, store_rdms

from alignhouse.analysis.jobs import scores as score_jobs
from alignhouse.analysis.jobs.best_layer_tests import best_layer_batch
from alignhouse.analysis.jobs.noise_ceilings import noise_ceiling_batch
from alignhouse.analysis.jobs.scope import Model, Scope, facts_of, read_brains, read_facts, vectors_of
from alignhouse.analysis.jobs.scores import rsa_batch
from alignhouse.analysis.statistics.groups import group_statistics
from alignhouse.analysis.statistics.many_tests import adjusted_p_values
from alignhouse.analysis.statistics.noise_ceiling import lower_ceiling_interval, noise_ceiling
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.rsa import score_networks
from alignhouse.analysis.statistics.subject_agreement import agreement_tests
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.kept import forget
from alignhouse.warehouse.progress import Silent

K, SEED, MEMORY = 19, 5, 10**8
CEILING: dict[str, Any] = {"permutations": K, "seed": SEED, "level": 0.9, "memory": MEMORY}


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Results of another test's RDMs are kept until a stage ends."""
    forget()


def place(scope: Scope) -> dict[str, Any]:
    return {"protocol": scope.protocol, "dataset": "d", "split": "test"}


def rows(artifact: Artifact) -> list[dict[str, Any]]:
    return artifact.rows().to_dicts()


def scored(stored: Stored, scope: Scope) -> dict[str, list[Artifact]]:
    batch = rsa_batch(scope, stored.models, stored.brains, permutations=K, seed=SEED, memory=MEMORY)
    made = artifacts_of(stored.root, batch)
    return {job.settings["model"]: made[job.key] for job in batch.jobs}


def expected_scores(stored: Stored, scope: Scope) -> Mapping[str, Any]:
    orders = stimulus_permutations(len(CONDITIONS), K, SEED)
    return score_networks(stored.model_rdms, stored.brain_rdms, orders, scope.settings)


def test_a_job_of_scores_names_all_that_changes_them(stored: Stored, scope: Scope) -> None:
    batch = rsa_batch(scope, stored.models, stored.brains, permutations=K, seed=SEED, memory=MEMORY)
    assert [job.label for job in batch.jobs] == [f"{name}, protocol {scope.protocol}" for name in "abc"]
    first = batch.jobs[0]
    assert (first.method, first.version) == ("rsa", 2)
    assert first.settings == {
        **place(scope),
        "settings": scope.settings.model_dump(),
        "permutations": K,
        "seed": SEED,
        "model": "a",
        "remark": "remark of a",
    }
    assert first.inputs == {
        "model": stored.models[0].rdms.artifact,
        "brain/V1": stored.brains["V1"].artifact,
        "brain/EBA": stored.brains["EBA"].artifact,
    }
    assert (batch.sizes, batch.most, batch.divisible) == ((3, 2, 1), 512, True)


def test_few_layers_are_scored_at_a_time_if_there_is_little_memory(stored: Stored, scope: Scope) -> None:
    how: dict[str, Any] = {"permutations": K, "seed": SEED}
    batch = rsa_batch(scope, stored.models, stored.brains, **how, memory=2 * N_PAIRS * 4)
    assert batch.most == 2, "4 bytes for each pair"
    assert rsa_batch(scope, stored.models, stored.brains, **how, memory=1).most == 1


def test_every_layer_has_its_rho_with_every_subject(stored: Stored, scope: Scope) -> None:
    for model, artifacts in scored(stored, scope).items():
        found = rows(facts_of(artifacts, "alignment"))
        assert [(row["roi"], row["layer"], row["subject"]) for row in found] == [
            (roi, layer, subject) for roi in SUBJECTS for layer in LAYERS[model] for subject in SUBJECTS[roi]
        ]
        for row in found:
            ours = stored.model_rdms[model][LAYERS[model].index(row["layer"])]
            theirs = stored.brain_rdms[row["roi"]][SUBJECTS[row["roi"]].index(row["subject"])]
            assert row["rho"] == pytest.approx(spearmanr(ours, theirs).statistic, abs=1e-6)
            assert {name: row[name] for name in place(scope)} == place(scope)
            assert (row["model"], row["remark"]) == (model, f"remark of {model}")
        assert facts_of(artifacts, "alignment").slot == ("protocol", "dataset", "split", "model", "roi")


def test_every_layer_and_the_best_one_have_a_p_value(stored: Stored, scope: Scope) -> None:
    expected = expected_scores(stored, scope)
    for model, artifacts in scored(stored, scope).items():
        wanted = []
        for roi, each in expected[model].items():
            named = zip(LAYERS[model], each.mean, each.p_layer, strict=True)
            wanted += [(roi, layer, "layer", mean, p) for layer, mean, p in named]
            best = LAYERS[model][each.best_layer]
            wanted.append((roi, best, "best_layer", each.mean.max(), each.p_best))
        found = rows(facts_of(artifacts, "significance"))
        names = ("roi", "layer", "test", "statistic", "p_value")
        for row, values in zip(found, wanted, strict=True):
            assert tuple(row[name] for name in names[:3]) == values[:3]
            assert [row[name] for name in names[3:]] == pytest.approx(list(values[3:]), abs=1e-6)
            assert (row["model"], row["permutations"], row["seed"]) == (model, K, SEED)
            assert (row["remark"], row["split"]) == (f"remark of {model}", "test")
        assert facts_of(artifacts, "significance").slot == ("protocol", "dataset", "split", "model", "roi")


def test_nulls_of_best_layers_come_before_those_of_layers(stored: Stored, scope: Scope) -> None:
    expected = expected_scores(stored, scope)
    for model, artifacts in scored(stored, scope).items():
        null = vectors_of(artifacts)
        names, values = null.vectors("null")
        layers = LAYERS[model]
        best = [(roi, layers[expected[model][roi].best_layer], "best_layer") for roi in SUBJECTS]
        by_layer = [(roi, layer, "layer") for roi in SUBJECTS for layer in layers]
        assert names.select("roi", "layer", "test").rows() == best + by_layer
        assert values.dtype == np.float32
        of_best = [each.best_null for each in expected[model].values()]
        np.testing.assert_allclose(values[: len(best)], of_best, atol=1e-6)
        of_layers = np.concatenate([each.null for each in expected[model].values()])
        np.testing.assert_allclose(values[len(best) :], of_layers, atol=1e-6)
        folder = f"nulls/protocol={scope.protocol}/dataset=d/model={model}"
        assert null.path == f"{folder}/{null.artifact}.parquet"


def test_networks_scored_alone_have_the_scores_that_they_have_together(stored: Stored, scope: Scope) -> None:
    together = scored(stored, scope)
    for model in stored.models:
        batch = rsa_batch(scope, [model], stored.brains, permutations=K, seed=SEED, memory=MEMORY)
        [alone] = artifacts_of(stored.root / "alone", batch).values()
        for table, values in (("alignment", ["rho"]), ("significance", ["statistic", "p_value"])):
            ours, theirs = (facts_of(each, table).rows() for each in (alone, together[model.name]))
            assert ours.drop(values).equals(theirs.drop(values))
            np.testing.assert_allclose(ours.select(values), theirs.select(values), atol=1e-6)


def test_the_rows_of_one_table_are_found_among_a_jobs_artifacts(stored: Stored, scope: Scope) -> None:
    artifacts = scored(stored, scope)["a"]
    for table in ("alignment", "significance"):
        found = read_facts(artifacts, table)
        assert found.equals(facts_of(artifacts, table).rows())
        assert ("subject" in found.columns) == (table == "alignment")
    with pytest.raises(ValueError, match="not enough values"):
        read_facts(artifacts, "noise_ceiling")


def test_a_network_of_other_conditions_fails_by_its_name(stored: Stored, scope: Scope) -> None:
    rdms = store_rdms(stored.root, {"layer": ["x"]}, stored.model_rdms["c"], CONDITIONS[::-1])
    odd = Model("odd", rdms, "")
    batch = rsa_batch(scope, [odd], stored.brains, permutations=K, seed=SEED, memory=MEMORY)
    with pytest.raises(
        BadInput, match="RDMs of odd and of region V1 differ, first at position 1.*0001.*0010"
    ):
        artifacts_of(stored.root, batch)


def test_conditions_of_another_number_are_refused_too(stored: Stored, scope: Scope) -> None:
    rdms = store_rdms(stored.root, {"layer": ["x"]}, stored.model_rdms["c"], CONDITIONS[:-1])
    batch = rsa_batch(
        scope, [Model("odd", rdms, "")], stored.brains, permutations=K, seed=SEED, memory=MEMORY
    )
    with pytest.raises(BadInput, match="expected 10 conditions, found 9"):
        artifacts_of(stored.root, batch)


def test_regions_of_other_conditions_are_refused(stored: Stored) -> None:
    rdms = store_rdms(stored.root, {"subject": ["s"]}, stored.brain_rdms["V1"][:1], CONDITIONS[::-1])
    with pytest.raises(BadInput, match="of region V1 and of region odd differ"):
        read_brains({**stored.brains, "odd": rdms})


def test_ranked_brains_are_kept_without_the_rdms(stored: Stored) -> None:
    brain, _ = score_jobs._ranked_brains(stored.brains, "spearman")
    assert (dict(brain.rdms), brain.conditions) == ({}, CONDITIONS)
    assert dict(brain.subjects) == SUBJECTS
    assert read_brains._last is None, "RDMs of all regions are large"


def test_noise_ceilings_of_regions(stored: Stored, scope: Scope) -> None:
    single = store_rdms(stored.root, {"subject": ["sub-09"]}, stored.brain_rdms["V1"][:1], CONDITIONS)
    brains = {"one": single, **stored.brains}
    batch = noise_ceiling_batch(scope, brains, "simulated", **CEILING)
    [job] = batch.jobs
    assert (job.method, job.version, job.label) == (
        "noise_ceiling",
        2,
        f"noise ceilings, protocol {scope.protocol}",
    )
    assert job.inputs == {roi: each.artifact for roi, each in brains.items()}
    tested = {"permutations": K, "seed": SEED, "level": 0.9}
    settings = scope.settings.model_dump()
    assert job.settings == {**place(scope), "settings": settings, **tested, "remark": "simulated"}
    [[artifact]] = artifacts_of(stored.root, batch).values()
    unknown = dict.fromkeys(("lower", "upper", "p_value", "interval_lower", "interval_upper"))
    wanted: list[dict[str, Any]] = [{"roi": "one", "n_subjects": 1, **unknown}]
    how: dict[str, Any] = {
        "combine": scope.settings.ceiling_combine,
        "average": scope.settings.ceiling_average,
    }
    p_values = agreement_tests(stored.brain_rdms, permutations=K, seed=SEED)
    for roi, rdms in stored.brain_rdms.items():
        row: dict[str, Any] = {"roi": roi, "n_subjects": len(SUBJECTS[roi]), **unknown}
        ceiling = noise_ceiling(rdms, **how)
        row |= {"lower": ceiling.lower, "upper": ceiling.upper, "p_value": p_values[roi]}
        if len(rdms) > 2:
            interval = lower_ceiling_interval(rdms, level=0.9, **how)
            row |= {"interval_lower": float(interval.lower), "interval_upper": float(interval.upper)}
        wanted.append(row)
    assert {row["n_subjects"] for row in wanted} >= {1, 2, 3}
    same = {**tested, "n_stimuli": len(CONDITIONS), "remark": "simulated"}
    assert rows(artifact) == [{**place(scope), **same, **row} for row in wanted]
    assert artifact.slot == ("protocol", "dataset", "split", "roi")


def test_the_test_of_ceilings_tells_its_steps_and_is_done_once(stored: Stored, scope: Scope) -> None:
    told: list[tuple[int, int]] = []

    class Listening(Silent):
        def step(self, done: int, total: int) -> None:
            told.append((done, total))

    forget()
    for remark in ("one protocol", "another"):
        batch = noise_ceiling_batch(scope, stored.brains, remark, **CEILING)
        list(batch.outputs(Listening()))
    assert [each for each in told if each == (K, K)] == [(K, K)]


def test_an_rdm_that_cannot_be_ranked_is_named_by_region_and_subject(stored: Stored, scope: Scope) -> None:
    constant = np.vstack([stored.brain_rdms["V1"][:1], np.ones((1, N_PAIRS))])
    bad = store_rdms(stored.root, {"subject": ["sub-01", "sub-02"]}, constant, CONDITIONS)
    with pytest.raises(BadInput, match="MT, sub-02"):
        artifacts_of(stored.root, noise_ceiling_batch(scope, {"MT": bad}, "", **CEILING))


GROUPS = {
    "arch_type": {"a": "CNNs", "b": "Transformers", "c": "CNNs"},
    "family": {"a": "x", "b": "x", "c": "x"},
}


def best_layer_tests(stored: Stored, scope: Scope) -> tuple[Any, dict[str, list[Artifact]]]:
    scores = scored(stored, scope)
    batch = best_layer_batch(scope, scores, GROUPS, "simulated", permutations=K, seed=SEED)
    return batch, artifacts_of(stored.root, batch)


def test_jobs_of_best_layers_name_all_that_changes_them(stored: Stored, scope: Scope) -> None:
    scores = scored(stored, scope)
    jobs = best_layer_batch(scope, scores, GROUPS, "simulated", permutations=K, seed=SEED).jobs
    common = {
        **place(scope),
        "settings": scope.settings.model_dump(),
        "permutations": K,
        "seed": SEED,
        "remark": "simulated",
    }
    assert [(job.method, job.version, job.label) for job in jobs] == [
        ("corrected_significance", 1, f"corrections for many tests, protocol {scope.protocol}"),
        ("group_comparison", 1, f"groups by arch_type, protocol {scope.protocol}"),
        ("group_comparison", 1, f"groups by family, protocol {scope.protocol}"),
    ]
    assert jobs[0].settings == {**common, "models": ["a", "b", "c"]}
    assert jobs[1].settings == {**common, "group_by": "arch_type", "labels": GROUPS["arch_type"]}
    assert jobs[2].settings == {**common, "group_by": "family", "labels": GROUPS["family"]}
    for job in jobs:
        assert job.inputs == {name: artifacts[0].job for name, artifacts in scores.items()}


def test_groups_of_networks_are_compared_region_by_region(stored: Stored, scope: Scope) -> None:
    batch, made = best_layer_tests(stored, scope)
    expected = expected_scores(stored, scope)
    correction = "bonferroni" if scope.protocol == "paper" else "holm"
    for job in batch.jobs[1:]:
        by = job.settings["group_by"]
        wanted = []
        for roi in SUBJECTS:
            of = [expected[model][roi] for model in "abc"]
            for each in group_statistics(
                [one.mean.max() for one in of],
                [one.best_null for one in of],
                [GROUPS[by][model] for model in "abc"],
                p_value_method=scope.settings.p_value,
                best_layer_null=scope.settings.best_layer_null,
                correction=correction,  # type: ignore[arg-type]
            ):
                wanted.append({"group_by": by, "roi": roi, **vars(each)})
        [artifact] = made[job.key]
        found = rows(artifact)
        assert len(found) == len(wanted) == 2 * (3 if by == "arch_type" else 1)
        for row, values in zip(found, wanted, strict=True):
            assert {name: row[name] for name in values} == pytest.approx(values, abs=1e-6)
            assert {name: row[name] for name in place(scope)} == place(scope)
            assert (row["correction"], row["permutations"], row["seed"]) == (correction, K, SEED)
            assert row["remark"] == "simulated"
        assert artifact.slot == ("protocol", "dataset", "split", "roi", "group_by")


def test_best_layers_of_all_networks_and_regions_are_one_family(stored: Stored, scope: Scope) -> None:
    batch, made = best_layer_tests(stored, scope)
    expected = expected_scores(stored, scope)
    [artifact] = made[batch.jobs[0].key]
    tests = [(roi, model, expected[model][roi]) for roi in SUBJECTS for model in "abc"]
    score = np.array([each.mean.max() for _, _, each in tests])
    null = np.array([each.best_null for _, _, each in tests])
    if scope.protocol == "paper":
        score, null = abs(score), abs(null)
    highest = [(1 + np.count_nonzero(null.max(axis=0) >= each - 1e-6)) / (K + 1) for each in score]
    p = np.array([each.p_best for _, _, each in tests])
    adjusted = {
        "benjamini_hochberg": false_discovery_control(p).tolist(),
        "holm": adjusted_p_values(p, "holm").tolist(),
        "max_statistic": highest,
    }
    found = pl.DataFrame(rows(artifact))
    assert found["correction"].to_list() == [name for name in adjusted for _ in tests]
    names = [(model, LAYERS[model][each.best_layer], roi, "best_layer") for roi, model, each in tests]
    assert found.select("model", "layer", "roi", "test").rows() == names * 3
    assert found["p_adjusted"].to_list() == pytest.approx(list(itertools.chain(*adjusted.values())))
    assert found["p_value"].to_list() == pytest.approx(p.tolist() * 3)
    statistics = [each.mean.max() for _, _, each in tests]
    assert found["statistic"].to_list() == pytest.approx(statistics * 3, abs=1e-6)
    fixed = found.select("n_tests", "permutations", "seed", "remark", "protocol", "dataset", "split").unique()
    assert fixed.rows() == [(6, K, SEED, "simulated", scope.protocol, "d", "test")]
    assert artifact.slot == ("protocol", "dataset", "split", "test")
