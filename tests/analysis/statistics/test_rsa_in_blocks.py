"""Scores and noise ceilings in blocks equal those of whole RDMs, and leave no file behind."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_blocks import make_blocks_tiny, room_in

from alignhouse.analysis.kernels.measure_names import MEASURES, SIGN_MEASURES
from alignhouse.analysis.statistics.ceiling_in_blocks import RegionCeiling, ceiling_in_blocks
from alignhouse.analysis.statistics.noise_ceiling import lower_ceiling_interval, noise_ceiling
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.rsa import score_networks
from alignhouse.analysis.statistics.rsa_in_blocks import bytes_needed, score_in_blocks
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.analysis.statistics.subject_agreement import agreement_tests
from alignhouse.warehouse.errors import BadInput

N = 12
IN_BLOCKS = [measure for measure in MEASURES if measure not in SIGN_MEASURES]
ORDERS = stimulus_permutations(N, 29, 0)


@pytest.fixture(autouse=True)
def tiny_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    make_blocks_tiny(monkeypatch)


# One layer is fewer than the regions, five are more: each side is permuted once.
@pytest.mark.parametrize(
    ("ties", "n_layers"),
    [
        (True, 1),
        (False, 5),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in ((False, 1), (True, 5))),
    ],
)
@pytest.mark.parametrize("measure", IN_BLOCKS)
def test_scores_equal_those_of_whole_rdms(
    simulated_rdms: Any, tmp_path: Path, measure: Any, ties: bool, n_layers: int
) -> None:
    settings = AnalysisSettings(measure=measure)
    models = {"a": simulated_rdms(n_layers, N, 0, ties=ties), "b": simulated_rdms(1, N, 1, ties=ties)}
    brain = {roi: simulated_rdms(2 + seed, N, 5 + seed, ties=ties) for seed, roi in enumerate("uvw")}
    whole = score_networks(models, brain, ORDERS, settings)
    found = score_in_blocks(models, brain, ORDERS, settings, room=room_in(tmp_path))
    assert found.keys() == whole.keys()
    for name, of_network in whole.items():
        assert found[name].keys() == of_network.keys()
        for roi, expected in of_network.items():
            scores = found[name][roi]
            np.testing.assert_allclose(scores.rho, expected.rho, rtol=0, atol=1e-12)
            # The products of cosines share one sign, so single precision rounds more.
            tolerance = 1e-6 if measure == "cosine" else 2e-7
            np.testing.assert_allclose(scores.null, expected.null, rtol=0, atol=tolerance)
            np.testing.assert_array_equal(scores.p_layer, expected.p_layer)
            assert (scores.best_layer, scores.p_best) == (expected.best_layer, expected.p_best)
    assert not list((tmp_path / "scratch").iterdir())


def test_signs_are_refused(simulated_rdms: Any, tmp_path: Path) -> None:
    settings, rdms = AnalysisSettings(measure="kendall_tau_a"), simulated_rdms(2, N, 0)
    how: dict[str, Any] = {"room": room_in(tmp_path)}
    with pytest.raises(BadInput, match="one vector per RDM, found kendall_tau_a"):
        score_in_blocks({"a": rdms}, {"V1": rdms}, ORDERS, settings, **how)
    how |= {"level": 0.9, "permutations": 9, "seed": 3, "most_subjects": 2, "names": ["1", "2"]}
    with pytest.raises(BadInput, match="one vector per RDM, found kendall_tau_a"):
        ceiling_in_blocks(rdms, settings, **how)


def test_little_memory_divides_brains_into_groups(
    simulated_rdms: Any, tmp_path: Path, sound: AnalysisSettings
) -> None:
    models, brain = {"a": simulated_rdms(4, N, 0)}, {"V1": simulated_rdms(7, N, 1)}
    least = bytes_needed(N * (N - 1) // 2, "spearman")
    found = [
        score_in_blocks(models, brain, ORDERS, sound, room=room_in(tmp_path, memory=memory))["a"]["V1"]
        for memory in (least, least + 2 * 2 * 66 * 4, 10**6)
    ]
    expected = score_networks(models, brain, ORDERS, sound)["a"]["V1"]
    for each in found:
        np.testing.assert_allclose(each.rho, expected.rho, rtol=0, atol=1e-12)


def test_bad_input_and_small_machines_are_one_line_and_leave_no_file(
    monkeypatch: pytest.MonkeyPatch, simulated_rdms: Any, tmp_path: Path, sound: AnalysisSettings, paper: Any
) -> None:
    models, brain = {"a": simulated_rdms(2, N, 0)}, {"V1": simulated_rdms(2, N, 1)}

    def refused(message: str, settings: Any = sound, room: Any = None, **changed: Any) -> None:
        given = {"models": models, "brain": brain, **changed}
        with pytest.raises(BadInput, match=message):
            score_in_blocks(given["models"], given["brain"], ORDERS, settings, room=room or room_in(tmp_path))
        scratch = tmp_path / "scratch"
        assert not scratch.exists() or not list(scratch.iterdir())

    least = bytes_needed(66, "spearman")
    refused("memory to rank an RDM of 12 stimuli", room=room_in(tmp_path, memory=least - 1))
    refused("ranks of 2 layers.*compute.scratch", room=room_in(tmp_path, scratch=2 * 66 * 4 + 576 - 1))
    refused("null of RDMs in blocks.*rows_only", settings=paper)
    constant = np.vstack([models["a"][:1], np.ones((1, 66))])
    refused("RDM of a, layer 1 cannot be ranked", models={"a": constant})
    refused("RDM of region V1, row 1 cannot be ranked", brain={"V1": constant})
    refused("RDMs of region V1.*expected 66 pairs", brain={"V1": simulated_rdms(2, 5, 0)})
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 10))
    refused("too little space on the disk")


# Ranks are what the sound protocol averages; the published one averages raw values.
@pytest.mark.parametrize(
    ("measure", "average"),
    [
        *((measure, "rank") for measure in IN_BLOCKS),
        ("spearman", "raw"),
        *(pytest.param(each, "raw", marks=pytest.mark.slow) for each in IN_BLOCKS if each != "spearman"),
    ],
)
def test_noise_ceilings_equal_those_of_whole_rdms(
    simulated_rdms: Any, tmp_path: Path, measure: Any, average: Any
) -> None:
    how: dict[str, Any] = {"combine": "rms", "average": average, "measure": measure}
    settings = AnalysisSettings(measure=measure, ceiling_average=average, ceiling_combine="rms")
    # So little in common that p is not the lowest.
    shared = 0.3 * simulated_rdms(1, N, 9)
    brain = {
        roi: simulated_rdms(s, N, s, ties=True) + shared for roi, s in (("one", 1), ("V1", 2), ("IT", 4))
    }
    tested = {roi: each for roi, each in brain.items() if len(each) > 1}
    p_values = agreement_tests(tested, permutations=39, seed=3, measure=measure)
    for roi, rdms in brain.items():
        found = ceiling_in_blocks(
            rdms,
            settings,
            level=0.9,
            permutations=39,
            seed=3,
            most_subjects=4,
            room=room_in(tmp_path),
            names=[f"{roi}{row}" for row in range(len(rdms))],
        )
        if roi == "one":
            assert found == RegionCeiling()
            continue
        expected = noise_ceiling(rdms, **how)
        assert found.ceiling is not None
        np.testing.assert_allclose(
            [found.ceiling.lower, found.ceiling.upper], [expected.lower, expected.upper], rtol=0, atol=1e-12
        )
        assert found.p_value == p_values[roi]
        assert (found.interval is None) == (roi == "V1")
        if found.interval is not None:
            interval = lower_ceiling_interval(rdms, level=0.9, **how)
            np.testing.assert_allclose(
                [found.interval.lower, found.interval.upper], [interval.lower, interval.upper], atol=1e-11
            )
    assert not list((tmp_path / "scratch").iterdir())


def test_orders_are_drawn_in_waves_that_fit_in_memory(
    simulated_rdms: Any, tmp_path: Path, sound: AnalysisSettings
) -> None:
    rdms, told = simulated_rdms(3, N, 0), list[tuple[int, int]]()
    how: dict[str, Any] = {"level": 0.9, "permutations": 20, "seed": 0, "most_subjects": 3, "names": "abc"}
    found = [
        ceiling_in_blocks(rdms, sound, **how, room=room, tick=lambda *step: told.append(step))
        for room in (room_in(tmp_path, memory=8 * 7 * 16 * 3 * N), room_in(tmp_path, memory=10**8))
    ]
    assert (
        found[0].p_value == found[1].p_value == agreement_tests({"V1": rdms}, permutations=20, seed=0)["V1"]
    )
    assert told == [(7, 20), (14, 20), (20, 20), (20, 20)]


def test_an_average_that_cannot_be_ranked_is_named(tmp_path: Path, sound: AnalysisSettings) -> None:
    rising = np.arange(66.0)
    rdms = np.array([rising, rising[::-1], rising])
    with pytest.raises(BadInput, match="the mean without a cannot be ranked"):
        ceiling_in_blocks(
            rdms,
            sound,
            level=0.9,
            permutations=3,
            seed=0,
            most_subjects=3,
            room=room_in(tmp_path),
            names="abc",
        )
    assert not list((tmp_path / "scratch").iterdir())
