"""The jobs that score controls and compare networks with them: their keys, rows and reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stored_rdms import CONDITIONS, LAYERS, N_PAIRS, SUBJECTS, Stored, artifacts_of, store_rdms

from alignhouse.analysis.jobs.beyond_controls import COLLINEAR, COPIED, FEW_STIMULI, beyond_batch
from alignhouse.analysis.jobs.control_scores import control_score_batch
from alignhouse.analysis.jobs.scope import Model, Scope
from alignhouse.analysis.statistics.intervals import intervals_of
from alignhouse.analysis.statistics.partial import partial_scores, residual_brains
from alignhouse.analysis.statistics.partial_bootstrap import partial_bootstrap
from alignhouse.analysis.statistics.partial_seen import (
    partial_scores_partly_seen,
    residuals_partly_seen,
    variance_partly_seen,
)
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.regression import stimulus_folds, variance_parts
from alignhouse.analysis.statistics.rsa import score_networks
from alignhouse.analysis.statistics.seen import pairs_of
from alignhouse.analysis.statistics.unique import linear_brains, unique_scores
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.kept import forget

HOW: dict[str, Any] = {"permutations": 20, "draws": 15, "level": 0.9, "seed": 3, "memory": 10**8}


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Results of another test's RDMs are kept until a stage ends."""
    forget()


@pytest.fixture
def rdms() -> NDArray[Any]:
    return np.random.default_rng(8).random((2, N_PAIRS))


def store(stored: Stored, rdms: NDArray[Any]) -> dict[str, Artifact]:
    return {
        name: store_rdms(stored.root, {"layer": ["control"]}, rdm[None], CONDITIONS)
        for name, rdm in zip(("gist", "hog"), rdms, strict=True)
    }


def rows_of(
    stored: Stored, scope: Scope, controls: Mapping[str, Artifact], **how: Any
) -> dict[tuple[str, str, str], dict[str, Any]]:
    """(network, region, layer) -> its row."""
    batch = beyond_batch(scope, stored.models, stored.brains, controls=controls, **{**HOW, **how})
    found = {}
    for [artifact] in artifacts_of(stored.root, batch).values():
        for row in artifact.rows().to_dicts():
            found[row["model"], row["roi"], row["layer"]] = row
    return found


def test_rows_hold_the_statistics_of_all_networks(stored: Stored, scope: Scope, rdms: NDArray[Any]) -> None:
    found = rows_of(stored, scope, store(stored, rdms))
    assert len(found) == 2 * sum(map(len, LAYERS.values()))
    orders = stimulus_permutations(10, 20, 3)
    folds = stimulus_folds(10, 3)
    for model, layers in LAYERS.items():
        values = stored.model_rdms[model]
        partial = partial_scores(values, residual_brains(stored.brain_rdms, rdms), orders)
        rho = {roi: each.rho for roi, each in partial.items()}
        samples = partial_bootstrap(values, stored.brain_rdms, rdms, rho, draws=15, seed=3)
        parts = variance_parts(values, stored.brain_rdms, rdms, folds)
        unique = unique_scores(values, linear_brains(stored.brain_rdms, rdms), orders)
        for roi, of_region in partial.items():
            interval = intervals_of(samples[roi], 0.9)["both", "dual"]
            for index, layer in enumerate(layers):
                row = found[model, roi, layer]
                expected = {
                    "protocol": scope.protocol,
                    "controls": "gist, hog",
                    "n_controls": 2,
                    "n_subjects": len(SUBJECTS[roi]),
                    "partial_rho": of_region.mean[index],
                    "sem": of_region.sem[index],
                    "p_value": of_region.p_layer[index],
                    "p_family": of_region.p_family[index],
                    "lower": interval.lower[index],
                    "upper": interval.upper[index],
                    "level": 0.9,
                    "resampled": "both",
                    "method": "dual",
                    "r2_controls": parts[roi].controls[index].mean(),
                    "r2_layer": parts[roi].layer[index].mean(),
                    "r2_both": parts[roi].both[index].mean(),
                    "unique_layer": parts[roi].unique_layer[index].mean(),
                    "unique_controls": parts[roi].unique_controls[index].mean(),
                    "shared": parts[roi].shared[index].mean(),
                    "unique_r": unique[roi].mean[index],
                    "unique_p": unique[roi].p_layer[index],
                    "unique_p_family": unique[roi].p_family[index],
                    "folds": 2,
                    "reason": "",
                    "remark": f"remark of {model}",
                }
                assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-9)
                assert row["unique_lower"] <= row["unique_layer"] <= row["unique_upper"]


def test_a_layer_that_equals_a_control_says_so(
    stored: Stored, scope_of: Callable[[str], Scope], rdms: NDArray[Any]
) -> None:
    rdms[0] = stored.model_rdms["a"][1]
    row = rows_of(stored, scope_of("sound"), store(stored, rdms))["a", "V1", "pool"]
    assert row["reason"] == f"{COLLINEAR}; {COPIED}"
    for name in (
        *("partial_rho", "sem", "p_value", "p_family", "lower", "upper", "level", "method"),
        *("unique_r", "unique_p", "unique_p_family"),
    ):
        assert row[name] is None, name
    # Nothing is added to the controls, to the last digit.
    assert row["unique_layer"] == row["unique_lower"] == row["unique_upper"] == 0
    forget()
    alone = {"gist": store(stored, rdms)["gist"]}
    row = rows_of(stored, scope_of("sound"), alone)["a", "V1", "pool"]
    assert row["unique_layer"] == row["unique_controls"] == 0


def test_a_layer_with_the_ranks_of_a_control_has_unique_tests(
    stored: Stored, scope_of: Callable[[str], Scope], rdms: NDArray[Any]
) -> None:
    rdms[0] = np.exp(3 * stored.model_rdms["a"][1])
    row = rows_of(stored, scope_of("sound"), store(stored, rdms))["a", "V1", "pool"]
    assert row["reason"] == COLLINEAR
    assert row["partial_rho"] is None
    assert 0 < row["unique_p"] <= row["unique_p_family"] <= 1


def test_subjects_who_saw_other_stimuli_count_with_what_they_saw(
    stored: Stored, scope_of: Callable[[str], Scope]
) -> None:
    random = np.random.default_rng(4)
    conditions = [f"{number:02d}" for number in range(20)]
    seen = {"V1": np.ones((3, 20), bool)}
    seen["V1"][1, :3] = False
    values = {"V1": np.where(pairs_of(seen["V1"]), random.random((3, 190)), np.nan)}
    given, layers = random.random((2, 190)), random.random((2, 190)) + np.nan_to_num(values["V1"][:1])
    own = Stored(
        stored.root,
        values,
        {"a": layers},
        {
            "V1": store_rdms(
                stored.root, {"subject": ["x", "y", "z"]}, values["V1"], conditions, {"y": conditions[:3]}
            )
        },
        (Model("a", store_rdms(stored.root, {"layer": ["0", "1"]}, layers, conditions), ""),),
    )
    controls = {
        name: store_rdms(stored.root, {"layer": ["control"]}, rdm[None], conditions)
        for name, rdm in zip(("gist", "hog"), given, strict=True)
    }
    found = rows_of(own, scope_of("sound"), controls)
    orders = stimulus_permutations(20, 20, 3)
    partial = partial_scores_partly_seen(
        layers, residuals_partly_seen(values, given, None, seen), orders, layer_names=["0", "1"]
    )["V1"]
    samples = partial_bootstrap(layers, values, given, {"V1": partial.rho}, draws=15, seed=3, seen=seen)
    interval = intervals_of(samples["V1"], 0.9)["both", "dual"]
    unique = unique_scores(layers, linear_brains(values, given, None, seen), orders)["V1"]
    regressed = variance_partly_seen(layers, values, given, seen, 3)
    assert regressed is not None
    folds, parts = regressed
    for index in range(2):
        row = found["a", "V1", str(index)]
        expected = {
            "partial_rho": partial.mean[index],
            "p_family": partial.p_family[index],
            "lower": interval.lower[index],
            "unique_layer": parts["V1"].unique_layer[index].mean(),
            "unique_p_family": unique.p_family[index],
            "folds": folds,
            "n_subjects": 3,
            "reason": "",
        }
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_one_subject_has_an_interval_over_stimuli(
    stored: Stored, scope_of: Callable[[str], Scope], rdms: NDArray[Any]
) -> None:
    brain = {"V1": stored.brain_rdms["V1"][:1]}
    one = Stored(
        stored.root,
        brain,
        stored.model_rdms,
        {"V1": store_rdms(stored.root, {"subject": ["sub-01"]}, brain["V1"], CONDITIONS)},
        stored.models[:1],
    )
    found = rows_of(one, scope_of("sound"), store(stored, rdms))
    layers = stored.model_rdms["a"]
    rho = partial_scores(layers, residual_brains(brain, rdms), stimulus_permutations(10, 20, 3))["V1"].rho
    samples = partial_bootstrap(layers, brain, rdms, {"V1": rho}, draws=15, seed=3)["V1"]
    interval = intervals_of(samples, 0.9)["stimuli", "expanded_percentile"]
    for index, layer in enumerate(LAYERS["a"]):
        row = found["a", "V1", layer]
        assert (row["resampled"], row["method"]) == ("stimuli", "expanded_percentile")
        assert (row["lower"], row["upper"]) == pytest.approx((interval.lower[index], interval.upper[index]))
        assert (row["sem"], row["unique_lower"]) == (None, None)
        assert row["unique_layer"] is not None


def test_too_few_stimuli_for_folds_leave_the_tests(stored: Stored, scope_of: Callable[[str], Scope]) -> None:
    random = np.random.default_rng(4)
    rdms = {name: random.random((2, 21)) for name in ("V1", "a", "controls")}
    names = CONDITIONS[:7]
    few = Stored(
        stored.root,
        {},
        {},
        {"V1": store_rdms(stored.root, {"subject": ["x", "y"]}, rdms["V1"], names)},
        (Model("a", store_rdms(stored.root, {"layer": ["0", "1"]}, rdms["a"], names), ""),),
    )
    controls = {"gist": store_rdms(stored.root, {"layer": ["control"]}, rdms["controls"][:1], names)}
    for row in rows_of(few, scope_of("sound"), controls, draws=0).values():
        assert (row["reason"], row["unique_layer"], row["folds"]) == (FEW_STIMULI, None, None)
        assert 0 < row["unique_p"] <= 1
        assert row["partial_rho"] is not None


def test_without_bootstraps_there_are_no_intervals(
    stored: Stored, scope_of: Callable[[str], Scope], rdms: NDArray[Any]
) -> None:
    found = rows_of(stored, scope_of("sound"), store(stored, rdms), draws=0)
    assert {row["lower"] for row in found.values()} == {row["method"] for row in found.values()} == {None}
    assert all(row["partial_rho"] is not None for row in found.values())


def test_keys_hold_all_inputs(stored: Stored, scope_of: Callable[[str], Scope], rdms: NDArray[Any]) -> None:
    controls = store(stored, rdms)
    batch = beyond_batch(scope_of("sound"), stored.models, stored.brains, controls=controls, **HOW)
    assert dict(batch.jobs[0].inputs) == {
        "model": stored.models[0].rdms.artifact,
        **{f"brain/{roi}": each.artifact for roi, each in stored.brains.items()},
        **{f"control/{name}": each.artifact for name, each in controls.items()},
    }
    fewer = beyond_batch(
        scope_of("sound"), stored.models, stored.brains, controls={"gist": controls["gist"]}, **HOW
    )
    assert {job.key for job in batch.jobs}.isdisjoint(job.key for job in fewer.jobs)


def test_controls_of_other_stimuli_are_refused(
    stored: Stored, scope_of: Callable[[str], Scope], rdms: NDArray[Any]
) -> None:
    other = store_rdms(stored.root, {"layer": ["control"]}, rdms[:1], CONDITIONS[::-1])
    with pytest.raises(BadInput, match="control gist"):
        rows_of(stored, scope_of("sound"), {"gist": other})


def test_scores_of_controls_are_those_of_a_network(stored: Stored, scope: Scope, rdms: NDArray[Any]) -> None:
    models = [Model(name, each, "made up") for name, each in store(stored, rdms).items()]
    batch = control_score_batch(scope, models, stored.brains, permutations=20, seed=3, memory=10**8)
    done = artifacts_of(stored.root, batch)
    orders = stimulus_permutations(10, 20, 3)
    for job, rdm in zip(batch.jobs, rdms, strict=True):
        [artifact] = done[job.key]
        expected = score_networks({"x": rdm[None]}, stored.brain_rdms, orders, scope.settings)["x"]
        for row in artifact.rows().to_dicts():
            scores = expected[row["roi"]]
            assert (row["layer"], row["layer_index"], row["remark"]) == ("control", 0, "made up")
            assert row["rho"] == pytest.approx(scores.mean[0], abs=1e-12)
            assert row["sem"] == pytest.approx(scores.sem[0], abs=1e-12)
            assert row["p_value"] == scores.p_layer[0]
