"""Jobs of bootstraps, differences, layer choices and complexity: their keys, files and rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from network_alone import choose_on_halves, choose_on_train
from scipy.stats import spearmanr
from stored_rdms import CONDITIONS, LAYERS, N_PAIRS, SUBJECTS, Stored, artifacts_of, store_rdms

from alignhouse.analysis.jobs import bootstraps as bootstrap_jobs
from alignhouse.analysis.jobs import layer_choices as choice_jobs
from alignhouse.analysis.jobs.bootstraps import bootstrap_batch
from alignhouse.analysis.jobs.comparisons import EVERY_NETWORK, difference_batch
from alignhouse.analysis.jobs.complexity import complexity_batch
from alignhouse.analysis.jobs.layer_choices import layer_choice_batch
from alignhouse.analysis.jobs.network_rdms import read_networks
from alignhouse.analysis.jobs.protocols import protocol_batch
from alignhouse.analysis.jobs.scope import Model, Scope, facts_of, read_brains, vectors_of
from alignhouse.analysis.jobs.scores import rsa_batch
from alignhouse.analysis.statistics.bootstrap import (
    BootstrapScores,
    bootstrap_scores,
    difference_scores,
    median_scores,
)
from alignhouse.analysis.statistics.complexity import complexity_correlations
from alignhouse.analysis.statistics.intervals import intervals_of
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.kept import forget

DRAWS, LEVEL, SEED, MEMORY = 30, 0.9, 5, 10**8
HOW: dict[str, Any] = {"draws": DRAWS, "level": LEVEL, "seed": SEED, "memory": MEMORY}


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Results of another test's RDMs are kept until a stage ends."""
    forget()


@pytest.fixture
def scope(scope_of: Callable[[str], Scope]) -> Scope:
    """One protocol is enough: these jobs only name it."""
    return scope_of("sound")


def place(scope: Scope) -> dict[str, Any]:
    return {"protocol": scope.protocol, "dataset": "d", "split": "test"}


def common(scope: Scope) -> dict[str, Any]:
    return {**place(scope), "settings": scope.settings.model_dump()}


def inputs(stored: Stored, model: Model) -> dict[str, str]:
    return {
        "model": model.rdms.artifact,
        "brain/V1": stored.brains["V1"].artifact,
        "brain/EBA": stored.brains["EBA"].artifact,
    }


def rows(artifact: Artifact) -> list[dict[str, Any]]:
    return artifact.rows().to_dicts()


def same(found: Sequence[dict[str, Any]], wanted: Sequence[dict[str, Any]]) -> None:
    assert len(found) == len(wanted)
    for row, values in zip(found, wanted, strict=True):
        assert row == pytest.approx(values, abs=1e-5)


def bootstrapped(stored: Stored, scope: Scope) -> dict[str, list[Artifact]]:
    batch = bootstrap_batch(scope, stored.models, stored.brains, **HOW)
    made = artifacts_of(stored.root, batch)
    return {job.settings["model"]: made[job.key] for job in batch.jobs}


def expected_bootstraps(stored: Stored) -> dict[str, dict[str, BootstrapScores]]:
    return {
        name: bootstrap_scores(rdms, stored.brain_rdms, draws=DRAWS, seed=SEED, precision="float32")
        for name, rdms in stored.model_rdms.items()
    }


def interval_rows(scores: BootstrapScores, names: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of all kinds of intervals; `names` are the other columns of each row of `scores`."""
    return [
        {
            **name,
            "resampled": resampled,
            "method": method,
            "statistic": scores.observed[row],
            "lower": interval.lower[row],
            "upper": interval.upper[row],
        }
        for (resampled, method), interval in intervals_of(scores, LEVEL).items()
        for row, name in enumerate(names)
    ]


def test_a_job_of_bootstraps_names_all_that_changes_them(stored: Stored, scope: Scope) -> None:
    batch = bootstrap_batch(scope, stored.models, stored.brains, **HOW)
    for job, model in zip(batch.jobs, stored.models, strict=True):
        assert (job.method, job.version, job.label) == ("bootstrap", 2, f"{model.name}, protocol sound")
        own = {"draws": DRAWS, "level": LEVEL, "seed": SEED}
        assert job.settings == {**common(scope), **own, "model": model.name, "remark": model.remark}
        assert job.inputs == inputs(stored, model)
    assert (batch.sizes, batch.most, batch.divisible) == ((3, 2, 1), 512, True)
    little = {**HOW, "memory": 2 * N_PAIRS * 16}
    assert bootstrap_batch(scope, stored.models, stored.brains, **little).most == 2


def test_intervals_of_layers_and_of_the_best_layer(stored: Stored, scope: Scope) -> None:
    expected = expected_bootstraps(stored)
    for model, artifacts in bootstrapped(stored, scope).items():
        chance = {"level": LEVEL, "draws": DRAWS, "seed": SEED, "remark": f"remark of {model}"}
        wanted = []
        for roi, scores in expected[model].items():
            fixed = {**place(scope), **chance, "model": model, "roi": roi}
            layers = [{**fixed, "layer": layer, "test": "layer"} for layer in LAYERS[model]]
            best = {**fixed, "layer": LAYERS[model][scores.observed.argmax()], "test": "best_layer"}
            wanted += interval_rows(scores, layers) + interval_rows(scores.best_layer(), [best])
        table = facts_of(artifacts, "score_interval")
        same(rows(table), wanted)
        assert table.slot == ("protocol", "dataset", "split", "model", "roi")


def test_distributions_of_best_layers_are_stored_for_differences(stored: Stored, scope: Scope) -> None:
    expected = expected_bootstraps(stored)
    for model, artifacts in bootstrapped(stored, scope).items():
        distributions = vectors_of(artifacts)
        names, samples = distributions.vectors("best_layer")
        kinds = [(roi, kind) for roi in SUBJECTS for kind in ("stimuli", "subjects", "both")]
        assert names.select("roi", "resampled").rows() == kinds
        best = {roi: each.best_layer() for roi, each in expected[model].items()}
        np.testing.assert_allclose(samples, [getattr(best[roi], kind)[0] for roi, kind in kinds], atol=1e-5)
        assert samples.dtype == np.float32
        assert distributions.about == {"n_stimuli": 10, "n_subjects": {"V1": 3, "EBA": 2}}
        assert distributions.path.startswith(f"bootstraps/protocol=sound/dataset=d/model={model}/")


def test_a_single_subject_is_not_resampled(stored: Stored, scope: Scope) -> None:
    single = store_rdms(stored.root, {"subject": ["sub-09"]}, stored.brain_rdms["V1"][:1], CONDITIONS)
    batch = bootstrap_batch(scope, stored.models[:1], {"V1": single}, **HOW)
    [artifacts] = artifacts_of(stored.root, batch).values()
    names, _ = vectors_of(artifacts).vectors("best_layer")
    assert names["resampled"].to_list() == ["stimuli"]
    assert {row["resampled"] for row in rows(facts_of(artifacts, "score_interval"))} == {"stimuli"}
    compared = difference_batch(scope, "type", {"a": "x"}, {"a": artifacts}, "", level=LEVEL)
    [[table]] = artifacts_of(stored.root, compared).values()
    assert {row["resampled"] for row in rows(table)} == {"stimuli"}


@pytest.mark.parametrize("batch_of_networks", [bootstrap_batch, layer_choice_batch])
def test_a_layer_that_cannot_be_ranked_is_named(stored: Stored, scope: Scope, batch_of_networks: Any) -> None:
    rdms = store_rdms(stored.root, {"layer": ["flat"]}, np.ones((1, N_PAIRS)), CONDITIONS)
    models = [Model("odd", rdms, "")]
    how = HOW if batch_of_networks is bootstrap_batch else CHOICE
    with pytest.raises(BadInput, match="odd, layer flat"):
        artifacts_of(stored.root, batch_of_networks(scope, models, stored.brains, **how))


@pytest.mark.parametrize(
    ("module", "function"),
    [
        (bootstrap_jobs, "bootstrap_scores"),
        (choice_jobs, "scores_on_halves"),
        (choice_jobs, "scores_on_train"),
    ],
)
def test_resampling_uses_the_jobs_memory_and_single_precision(
    stored: Stored, scope: Scope, monkeypatch: pytest.MonkeyPatch, module: Any, function: str
) -> None:
    used: list[dict[str, Any]] = []
    real = getattr(module, function)

    def noted(*arguments: Any, **how: Any) -> Any:
        used.append(how)
        return real(*arguments, **how)

    monkeypatch.setattr(module, function, noted)
    train = TRAIN if function == "scores_on_train" else frozenset()
    if module is bootstrap_jobs:
        batch = bootstrap_batch(scope, stored.models[:1], stored.brains, **HOW)
    else:
        batch = layer_choice_batch(scope, stored.models[:1], stored.brains, **{**CHOICE, "train": train})
    artifacts_of(stored.root, batch)
    assert [(how["memory"], how["precision"]) for how in used] == [(MEMORY, "float32")]


GROUPS = {"c": "x", "a": "y", "b": "x"}


@pytest.mark.parametrize("group_by", ["arch_type", EVERY_NETWORK])
def test_differences_of_groups_are_taken_draw_by_draw(stored: Stored, scope: Scope, group_by: str) -> None:
    bootstraps = bootstrapped(stored, scope)
    labels = {name: name for name in "abc"} if group_by == EVERY_NETWORK else GROUPS
    batch = difference_batch(scope, group_by, labels, bootstraps, "simulated", level=LEVEL)
    [job] = batch.jobs
    own = {"group_by": group_by, "labels": labels, "level": LEVEL, "remark": "simulated"}
    assert (job.method, job.version) == ("difference_interval", 1)
    assert job.label == f"differences by {group_by}, protocol sound"
    assert job.settings == {**common(scope), **own}
    assert job.inputs == {name: bootstraps[name][0].job for name in labels}

    expected = expected_bootstraps(stored)
    groups: dict[str, list[str]] = {}
    for model, label in labels.items():
        groups.setdefault(label, []).append(model)
    pairs: list[tuple[str, str | None]] = list(combinations(sorted(groups), 2))
    if group_by != EVERY_NETWORK:
        pairs = [(name, None) for name in sorted(groups)] + pairs
    wanted = []
    for roi in SUBJECTS:
        medians = {
            name: median_scores([expected[model][roi].best_layer() for model in members])
            for name, members in groups.items()
        }
        of_pairs = []
        for a, b in pairs:
            scores = difference_scores(medians[a], medians[b]) if b else medians[a]
            name = {
                **place(scope),
                "group_by": group_by,
                "roi": roi,
                "group_a": a,
                "group_b": b,
                "n_a": len(groups[a]),
                "n_b": len(groups[b]) if b else None,
                "level": LEVEL,
                "draws": DRAWS,
                "seed": SEED,
                "remark": "simulated",
            }
            of_pairs.append(interval_rows(scores, [name]))
        # Kind by kind, and in each kind pair by pair.
        wanted += [row for of_kind in zip(*of_pairs, strict=True) for row in of_kind]
    [[table]] = artifacts_of(stored.root, batch).values()
    same(rows(table), wanted)
    assert table.slot == ("protocol", "dataset", "split", "group_by")


class Steps:
    """Notes the steps that a job reports."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []

    def step(self, done: int, total: int) -> None:
        self.steps.append((done, total))

    def say(self, line: str) -> None: ...


def test_comparing_reports_half_its_steps_while_it_reads(stored: Stored, scope: Scope) -> None:
    steps = Steps()
    batch = difference_batch(scope, "type", GROUPS, bootstrapped(stored, scope), "", level=LEVEL)
    list(batch.outputs(steps))
    assert steps.steps == [(1, 6), (2, 6), (3, 6), (4, 6), (6, 6)]


CHOICE: dict[str, Any] = {"train": frozenset(), "halvings": 4, "seed": SEED, "memory": MEMORY}
TRAIN = frozenset(CONDITIONS[3:8])


@pytest.mark.parametrize("train", [frozenset(), TRAIN])
def test_a_job_of_layer_choices_names_all_that_changes_them(
    stored: Stored, scope: Scope, train: frozenset[str]
) -> None:
    batch = layer_choice_batch(scope, stored.models, stored.brains, **{**CHOICE, "train": train})
    own = {"train": sorted(TRAIN)} if train else {"seed": SEED, "halvings": 4}
    for job, model in zip(batch.jobs, stored.models, strict=True):
        assert (job.method, job.version, job.label) == ("layer_choice", 1, f"{model.name}, protocol sound")
        assert job.settings == {**common(scope), **own, "model": model.name, "remark": model.remark}
        assert job.inputs == inputs(stored, model)
    assert (batch.sizes, batch.most, batch.divisible) == ((3, 2, 1), 512, True)
    little = {**CHOICE, "memory": 2 * N_PAIRS * 16}
    assert layer_choice_batch(scope, stored.models, stored.brains, **little).most == 2


@pytest.mark.parametrize("train", [frozenset(), TRAIN])
def test_layers_are_chosen_on_other_stimuli_than_they_are_scored_on(
    stored: Stored, scope: Scope, train: frozenset[str]
) -> None:
    batch = layer_choice_batch(scope, stored.models, stored.brains, **{**CHOICE, "train": train})
    made = artifacts_of(stored.root, batch)
    for job in batch.jobs:
        model = job.settings["model"]
        layers, rdms = LAYERS[model], stored.model_rdms[model]
        if train:
            chosen = choose_on_train(rdms, stored.brain_rdms, [name in train for name in CONDITIONS])
        else:
            chosen = choose_on_halves(rdms, stored.brain_rdms, halvings=4, seed=SEED)
        fixed = {**place(scope), "model": model, "remark": f"remark of {model}"}
        choices, votes = [], []
        for roi, choice in chosen.items():
            rho = [
                np.mean([spearmanr(layer, subject).statistic for subject in stored.brain_rdms[roi]])
                for layer in rdms
            ]
            choices.append(
                {
                    **fixed,
                    "roi": roi,
                    "chosen_on": "train" if train else "halves",
                    "layer": layers[choice.layer],
                    "votes": choice.votes.max(),
                    "rho": choice.score,
                    "highest_layer": layers[int(np.argmax(rho))],
                    "highest_rho": max(rho),
                    "choices": 1 if train else 8,
                    "seed": 0 if train else SEED,
                }
            )
            votes += [
                {**fixed, "roi": roi, "layer": layer, "votes": share}
                for layer, share in zip(layers, choice.votes, strict=True)
            ]
        same(rows(facts_of(made[job.key], "layer_choice")), choices)
        same(rows(facts_of(made[job.key], "layer_vote")), votes)
        for table in ("layer_choice", "layer_vote"):
            slot = ("protocol", "dataset", "split", "model", "roi")
            assert facts_of(made[job.key], table).slot == slot


def test_complexity_is_correlated_with_best_layer_scores(stored: Stored, scope: Scope) -> None:
    scored = rsa_batch(scope, stored.models, stored.brains, permutations=9, seed=0, memory=MEMORY)
    made = artifacts_of(stored.root, scored)
    scores = {job.settings["model"]: made[job.key] for job in scored.jobs}
    figures: dict[str, dict[str, float | None]] = {
        "parameters": {"a": 1, "b": 20, "c": 300},
        "top1": {"a": 0.5, "b": None, "c": 0.25},
    }
    batch = complexity_batch(scope, scores, figures, "simulated", draws=20, level=LEVEL, seed=SEED)
    [job] = batch.jobs
    own = {"figures": figures, "draws": 20, "level": LEVEL, "seed": SEED, "remark": "simulated"}
    assert (job.method, job.version, job.label) == ("complexity", 2, "complexity, protocol sound")
    assert job.settings == {**common(scope), **own}
    assert isinstance(job.settings["figures"]["parameters"]["a"], int), "1 and 1.0 are two keys"
    assert job.inputs == {name: artifacts[0].job for name, artifacts in scores.items()}

    steps = Steps()
    [outputs] = batch.outputs(steps)
    assert steps.steps == [(1, 2), (2, 2)]
    wanted = []
    for roi in SUBJECTS:
        best = [
            max(
                np.mean([spearmanr(layer, subject).statistic for subject in stored.brain_rdms[roi]])
                for layer in stored.model_rdms[name]
            )
            for name in "abc"
        ]
        columns = {name: [of[model] for model in "abc"] for name, of in figures.items()}
        for each in complexity_correlations(best, columns, draws=20, seed=SEED, level=LEVEL):
            values = {**vars(each), "given": ", ".join(each.given)}
            fixed = {**place(scope), "level": LEVEL, "seed": SEED, "remark": "simulated"}
            wanted.append({**fixed, "roi": roi, **values})
    same(outputs[0].data.to_pylist(), wanted)  # type: ignore[union-attr]
    assert outputs[0].slot == ("protocol", "dataset", "split", "roi")


def test_a_network_without_parameters_is_left_out_of_complexity(stored: Stored, scope: Scope) -> None:
    scored = rsa_batch(scope, stored.models, stored.brains, permutations=9, seed=0, memory=MEMORY)
    made = artifacts_of(stored.root, scored)
    scores = {job.settings["model"]: made[job.key] for job in scored.jobs}
    figures = {"parameters": {"a": 1, "b": 20, "c": 0}}
    batch = complexity_batch(scope, scores, figures, "simulated", draws=20, level=LEVEL, seed=SEED)
    assert batch.jobs[0].settings["figures"] == {"parameters": {"a": 1, "b": 20, "c": None}}
    [outputs] = batch.outputs(Steps())
    found = outputs[0].data.to_pylist()  # type: ignore[union-attr]
    assert {(row["n_networks"], row["n_left_out"]) for row in found} == {(2, 1)}


def test_a_protocol_is_described_by_all_its_settings(stored: Stored) -> None:
    batch = protocol_batch("sound", {"null": "rows_only", "distance": {"kind": "pearson"}})
    [job] = batch.jobs
    assert (job.method, job.version, job.label) == ("protocol", 1, "protocol sound")
    assert job.settings == {"protocol": "sound", "null": "rows_only", "distance": {"kind": "pearson"}}
    assert job.inputs == {}
    [[table]] = artifacts_of(stored.root, batch).values()
    text = '{"distance":{"kind":"pearson"},"null":"rows_only"}'
    assert rows(table) == [{"protocol": "sound", "settings": text}]
    assert table.slot == ("protocol",)


def test_rows_of_stacked_networks(stored: Stored) -> None:
    rdms = {model.name: model.rdms for model in stored.models}
    networks = read_networks(["b", "a"], rdms, read_brains(stored.brains))
    first, second = len(LAYERS["b"]), len(LAYERS["b"]) + len(LAYERS["a"])
    assert networks.rows == {"b": slice(0, first), "a": slice(first, second)}
    assert networks.layers == {name: LAYERS[name] for name in ("b", "a")}
    assert networks.labels == [f"{name}, layer {layer}" for name in ("b", "a") for layer in LAYERS[name]]
    for name in ("a", "b"):
        np.testing.assert_array_equal(networks.rdms[networks.rows[name]], stored.model_rdms[name])
    with pytest.raises(KeyError, match="c"):
        networks.rows["c"]


def test_a_network_of_other_conditions_is_named_before_it_is_stacked(stored: Stored) -> None:
    odd = store_rdms(stored.root, {"layer": ["x"]}, stored.model_rdms["c"], CONDITIONS[::-1])
    with pytest.raises(BadInput, match="RDMs of odd and of region V1 differ, first at position 1"):
        read_networks(["odd"], {"odd": odd}, read_brains(stored.brains))
