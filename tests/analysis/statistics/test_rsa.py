"""Scores of networks: they equal those of the published code, and have few false positives."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from network_alone import null_distribution, score_network
from numpy.typing import NDArray

from alignhouse.analysis.kernels.similarity import spearman
from alignhouse.analysis.statistics.noise_ceiling import noise_ceiling
from alignhouse.analysis.statistics.permutation import (
    best_layer_null,
    p_value,
    stimulus_permutations,
)
from alignhouse.analysis.statistics.rsa import (
    mean_and_sem,
    rank_brains,
    score_networks,
)
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.errors import BadInput

Float = NDArray[np.float64]


@pytest.mark.parametrize("network", ["ResNet34", "c2d_r50_nopool_mma"])
def test_the_paper_protocol_reproduces_the_published_scores_and_nulls(
    published: Path, published_brain: dict[str, Float], paper: AnalysisSettings, network: str
) -> None:
    rdms = np.load(published / network / "model_rdms_pca22.npz")
    nulls = np.load(published / network / "null_distributions.npz")
    layers = list(rdms.files)
    scores = score_network(
        np.stack([rdms[layer] for layer in layers]),
        published_brain,
        np.load(published / "permutations_100.npy"),
        paper,
        layer_names=layers,
    )
    with (published / network / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18
    for row in rows:
        found, layer = scores[row["roi"]], layers.index(row["layer"])
        ceiling = noise_ceiling(published_brain[row["roi"]], combine="rms", average="raw")
        np.testing.assert_allclose(found.rho[layer], json.loads(row["rho_per_subject"]), atol=1e-6)
        np.testing.assert_allclose(
            [found.mean[layer], found.sem[layer], found.p_layer[layer], ceiling.lower, ceiling.upper],
            [float(row[key]) for key in ("r_mean", "sem", "p_value", "ceiling_lower", "ceiling_upper")],
            atol=1e-6,
        )
        expected = nulls[f"{row['layer']}_fmri_{row['roi']}"]
        np.testing.assert_allclose(found.null[layer], expected, atol=1e-6)


def test_the_mean_and_its_error_are_over_subjects() -> None:
    mean, sem = mean_and_sem(np.array([[0.1, 0.2, 0.6], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(mean, [0.3, 0.0])
    np.testing.assert_allclose(sem, [np.sqrt((0.04 + 0.01 + 0.09) / 2 / 3), 0.0])


def test_one_subject_has_a_mean_but_no_error() -> None:
    mean, sem = mean_and_sem(np.array([[0.1], [0.2]]))
    np.testing.assert_array_equal(mean, [0.1, 0.2])
    assert np.isnan(sem).all()


@pytest.mark.parametrize("protocol", ["sound", "paper"])
def test_scores_are_those_of_the_single_functions(
    simulated_rdms: Any, request: pytest.FixtureRequest, protocol: str
) -> None:
    settings = request.getfixturevalue(protocol)
    models = {"a": simulated_rdms(3, 9, 0), "b": simulated_rdms(2, 9, 1, ties=True)}
    brain = {"V1": simulated_rdms(4, 9, 2), "V2": simulated_rdms(3, 9, 3)}  # V2 lacks a subject
    orders = stimulus_permutations(9, 30, 0)
    scores = score_networks(models, brain, orders, settings)
    assert list(scores) == ["a", "b"]
    for network, rdms in models.items():
        assert list(scores[network]) == ["V1", "V2"]
        for roi, subjects in brain.items():
            found = scores[network][roi]
            rho = spearman(rdms, subjects)
            null = null_distribution(rdms, subjects, orders, null=settings.null)
            best = int(np.argmax(rho.mean(axis=1)))
            np.testing.assert_array_equal(found.rho, rho)
            np.testing.assert_allclose(found.null, null, atol=1e-7)
            np.testing.assert_array_equal(found.p_layer, p_value(rho.mean(axis=1), null, settings.p_value))
            assert found.best_layer == best
            np.testing.assert_allclose(
                found.best_null, best_layer_null(null, best, settings.best_layer_null), atol=1e-7
            )
    chosen = scores["a"]["V1"]
    if protocol == "paper":
        assert chosen.p_best == chosen.p_layer[chosen.best_layer]
    else:
        higher = np.count_nonzero(chosen.null.max(axis=0) >= chosen.mean.max())
        assert chosen.p_best == pytest.approx((1 + higher) / 31)


@pytest.mark.parametrize("protocol", ["sound", "paper"])
def test_little_memory_gives_the_same_scores(
    simulated_rdms: Any, request: pytest.FixtureRequest, protocol: str
) -> None:
    settings = request.getfixturevalue(protocol)
    models, brain = simulated_rdms(5, 9, 0), {"V1": simulated_rdms(4, 9, 2)}
    orders = stimulus_permutations(9, 30, 0)
    plenty = score_network(models, brain, orders, settings)["V1"]
    little = score_network(models, brain, orders, settings, memory=1)["V1"]
    np.testing.assert_array_equal(little.rho, plenty.rho)
    np.testing.assert_allclose(little.null, plenty.null, atol=1e-7)
    np.testing.assert_array_equal(little.p_layer, plenty.p_layer)


class ReadWhenAsked:
    """Lazy RDMs that count how often numpy loads them."""

    def __init__(self, rdms: NDArray[np.float64]) -> None:
        self._rdms, self.shape, self.times = rdms, rdms.shape, 0

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.float64]:
        self.times += 1
        return self._rdms.copy()


@pytest.mark.parametrize("layers_a_block", [1, 2, 3, 100])
@pytest.mark.parametrize("protocol", ["sound", "paper"])
def test_rdms_read_when_asked_for_are_read_once_and_score_the_same(
    simulated_rdms: Any, request: pytest.FixtureRequest, protocol: str, layers_a_block: int
) -> None:
    settings, orders = request.getfixturevalue(protocol), stimulus_permutations(6, 9, 0)
    models = {name: simulated_rdms(count, 6, count) for name, count in (("a", 2), ("b", 1), ("c", 4))}
    brain = {"V1": simulated_rdms(3, 6, 8)}
    expected = score_networks(models, brain, orders, settings)
    stored = {name: ReadWhenAsked(each) for name, each in models.items()}
    found = score_networks(stored, brain, orders, settings, memory=layers_a_block * 15 * 16)
    assert [each.times for each in stored.values()] == [1, 1, 1]
    for name, of_network in expected.items():
        np.testing.assert_array_equal(found[name]["V1"].rho, of_network["V1"].rho)
        np.testing.assert_allclose(found[name]["V1"].null, of_network["V1"].null, atol=1e-6)


def test_a_monotone_change_of_model_rdms_changes_no_sound_score(
    simulated_rdms: Any, sound: AnalysisSettings
) -> None:
    models, brain = simulated_rdms(3, 9, 0), {"V1": simulated_rdms(4, 9, 2)}
    orders = stimulus_permutations(9, 30, 0)
    plain = score_network(models, brain, orders, sound)["V1"]
    changed = score_network(models**3, brain, orders, sound)["V1"]
    np.testing.assert_array_equal(changed.rho, plain.rho)
    np.testing.assert_array_equal(changed.null, plain.null)


def test_bad_rdms_are_named_by_network_layer_or_region(simulated_rdms: Any, sound: AnalysisSettings) -> None:
    models, brain = {"AlexNet": simulated_rdms(2, 6, 0)}, {"V1": simulated_rdms(3, 6, 1)}
    orders = stimulus_permutations(6, 5, 0)
    bad = models["AlexNet"].copy()
    bad[1, 0] = np.nan
    with pytest.raises(BadInput, match="AlexNet, layer conv2"):
        score_networks({"AlexNet": bad}, brain, orders, sound, layer_names={"AlexNet": ["conv1", "conv2"]})
    with pytest.raises(BadInput, match="RDM of region V1, row 1 "):
        score_networks(models, {"V1": np.vstack([brain["V1"][:1], bad[1:]])}, orders, sound)
    with pytest.raises(BadInput, match="RDMs of region V2: expected 15 pairs, as region V1, found 21"):
        score_networks(models, brain | {"V2": simulated_rdms(3, 7, 1)}, orders, sound)
    with pytest.raises(BadInput, match=r"RDMs of network AlexNet: .*found shape \(15,\)"):
        score_networks({"AlexNet": bad[0]}, brain, orders, sound)
    with pytest.raises(BadInput, match="layer names of AlexNet: expected 2"):
        score_networks(models, brain, orders, sound, layer_names={"AlexNet": ["conv1"]})
    with pytest.raises(BadInput, match="RDMs of region V1: expected 15 pairs, as network AlexNet, found 21"):
        score_networks(models, {"V1": simulated_rdms(3, 7, 1)}, orders, sound)
    with pytest.raises(BadInput, match="at least one region"):
        score_networks(models, {}, orders, sound)
    with pytest.raises(BadInput, match="at least one network"):
        score_networks({}, brain, orders, sound)


def test_brains_that_were_ranked_before_give_the_same_scores(
    simulated_rdms: Any, sound: AnalysisSettings
) -> None:
    models, brain = {"a": simulated_rdms(3, 9, 0, ties=True)}, {"V1": simulated_rdms(4, 9, 2, ties=True)}
    orders = stimulus_permutations(9, 30, 0)
    plain = score_networks(models, brain, orders, sound)["a"]["V1"]
    ranked = score_networks(models, rank_brains(brain), orders, sound)["a"]["V1"]
    np.testing.assert_array_equal(ranked.rho, plain.rho)
    np.testing.assert_array_equal(ranked.rho, spearman(models["a"], brain["V1"]))
    np.testing.assert_array_equal(ranked.null, plain.null)


def study_without_alignment(rng: np.random.Generator, n: int = 12) -> tuple[Float, Float]:
    """3 layers and 4 subjects whose RDMs are unrelated, but where some stimuli are far from all others."""
    row, column = np.triu_indices(n, 1)
    odd_for_model, odd_for_brain = rng.normal(size=(2, n))
    models = rng.normal(size=(3, row.size)) + odd_for_model[row] + odd_for_model[column]
    brain = rng.normal(size=(4, row.size)) + odd_for_brain[row] + odd_for_brain[column]
    return models, brain


def test_unrelated_rdms_are_rarely_called_aligned_by_the_sound_null_only(
    sound: AnalysisSettings, paper: AnalysisSettings
) -> None:
    rng = np.random.default_rng(0)
    orders = stimulus_permutations(12, 99, 0)
    found = {"sound layer": 0, "sound best": 0, "rows only": 0}
    n_studies = 400
    for _ in range(n_studies):
        models, brain = study_without_alignment(rng)
        ours = score_network(models, {"V1": brain}, orders, sound)["V1"]
        published = score_network(models, {"V1": brain}, orders, paper)["V1"]
        found["sound layer"] += ours.p_layer[0] <= 0.05
        found["sound best"] += ours.p_best <= 0.05
        found["rows only"] += published.p_layer[0] <= 0.05
    share = {name: count / n_studies for name, count in found.items()}
    # With 400 studies and a true share of .05, the estimate is outside .02 to .08 once in 200 times.
    assert 0.02 <= share["sound layer"] <= 0.08
    assert 0.02 <= share["sound best"] <= 0.08
    assert share["rows only"] > 0.08


def test_an_alignment_that_exists_is_found(sound: AnalysisSettings) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=276)
    models = np.stack([rng.normal(size=276), truth + rng.normal(size=276)])
    brain = truth + rng.normal(size=(5, 276))
    scores = score_network(models, {"V1": brain}, stimulus_permutations(24, 199, 0), sound)["V1"]
    assert scores.best_layer == 1
    assert scores.p_best == pytest.approx(1 / 200)


@pytest.mark.parametrize("null", ["rows_and_columns", "rows_only"])
def test_steps_rise_to_all_permutations(simulated_rdms: Any, null: Any) -> None:
    told: list[tuple[int, int]] = []
    score_networks(
        {"a": simulated_rdms(3, 8, 0), "b": simulated_rdms(2, 8, 1)},
        {"V1": simulated_rdms(3, 8, 2)},
        stimulus_permutations(8, 300, 0),
        AnalysisSettings(null=null),
        memory=3000,
        tick=lambda done, total: told.append((done, total)),
    )
    shares = [done / total for done, total in told]
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert shares[-1] == 1
