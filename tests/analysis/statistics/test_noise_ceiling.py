"""Noise ceilings, against published values, rsatoolbox and the plain definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr, t

from alignhouse.analysis.statistics.noise_ceiling import lower_ceiling_interval, noise_ceiling
from alignhouse.warehouse.errors import BadInput


def cichy78(folder: Path, region: str) -> NDArray[np.float64]:
    file = next((folder / "cichy78").rglob(f"*{region}*.npz"))
    row, column = np.triu_indices(78, 1)
    return np.asarray(np.load(file)["arr_0"])[:, row, column]


@pytest.mark.parametrize(
    ("region", "combine", "average", "lower", "upper"),
    [
        ("EVC", "rms", "raw", 0.0825691279, 0.2529321929),
        ("IT", "rms", "raw", 0.0527723944, 0.2544273004),
        ("EVC", "mean", "rank", 0.0180012251, 0.2609297475),
        ("IT", "mean", "rank", 0.0064141525, 0.2560756484),
    ],
)
def test_real_data_give_the_published_ceilings(
    test_data: Path, region: str, combine: Any, average: Any, lower: float, upper: float
) -> None:
    ceiling = noise_ceiling(cichy78(test_data, region), combine=combine, average=average)
    assert ceiling.lower == pytest.approx(lower, abs=1e-8)
    assert ceiling.upper == pytest.approx(upper, abs=1e-8)


@pytest.mark.parametrize("ties", [False, True])
def test_the_sound_ceiling_equals_rsatoolbox(simulated_rdms: Any, ties: bool) -> None:
    rsatoolbox = pytest.importorskip("rsatoolbox")
    rdms = simulated_rdms(5, 10, 3, ties=ties) + 2 * simulated_rdms(1, 10, 4, ties=ties)
    expected = rsatoolbox.inference.boot_noise_ceiling(rsatoolbox.rdm.RDMs(rdms), method="spearman")
    ceiling = noise_ceiling(rdms)
    np.testing.assert_allclose([ceiling.lower, ceiling.upper], expected, atol=1e-10)


@pytest.mark.parametrize("average", ["rank", "raw"])
@pytest.mark.parametrize("combine", ["mean", "rms"])
def test_ceilings_equal_their_definition(simulated_rdms: Any, combine: Any, average: Any) -> None:
    rdms = simulated_rdms(4, 8, 0, ties=True)
    source = rankdata(rdms, axis=1) if average == "rank" else rdms
    lower, upper = [], []
    for left_out, rdm in enumerate(rdms):
        others = np.mean([each for i, each in enumerate(source) if i != left_out], axis=0)
        lower.append(spearmanr(rdm, others).statistic)
        upper.append(spearmanr(rdm, source.mean(axis=0)).statistic)
    combined = np.mean if combine == "mean" else lambda rho: np.sqrt(np.mean(np.square(rho)))
    ceiling = noise_ceiling(rdms, combine=combine, average=average)
    assert ceiling.lower == pytest.approx(combined(lower), abs=1e-12)
    assert ceiling.upper == pytest.approx(combined(upper), abs=1e-12)


def test_subjects_who_agree_completely_have_a_ceiling_of_one(simulated_rdms: Any) -> None:
    ceiling = noise_ceiling(np.repeat(simulated_rdms(1, 8, 0), 3, axis=0) ** [[1], [2], [3]])
    assert (ceiling.lower, ceiling.upper) == (1.0, 1.0)


def test_the_order_of_subjects_and_stimuli_changes_nothing(simulated_rdms: Any) -> None:
    rdms = simulated_rdms(4, 8, 0)
    order = np.random.default_rng(0).permutation(rdms.shape[1])
    plain, shuffled = noise_ceiling(rdms), noise_ceiling(rdms[::-1, order])
    assert shuffled.lower == pytest.approx(plain.lower, abs=1e-14)
    assert shuffled.upper == pytest.approx(plain.upper, abs=1e-14)


def test_a_single_subject_has_no_ceiling(simulated_rdms: Any) -> None:
    with pytest.raises(BadInput, match="at least 2 subjects, found 1"):
        noise_ceiling(simulated_rdms(1, 8, 0))


def test_nan_names_the_subject(simulated_rdms: Any) -> None:
    rdms = simulated_rdms(2, 8, 0)
    rdms[1, 0] = np.nan
    with pytest.raises(BadInput, match="RDM of sub-07"):
        noise_ceiling(rdms, names=["sub-01", "sub-07"])


def test_subjects_whose_average_is_constant_are_an_error(simulated_rdms: Any) -> None:
    ranks = np.arange(15.0)
    with pytest.raises(BadInput, match="RDM of the mean of all subjects cannot be ranked"):
        noise_ceiling(np.stack([ranks, -ranks]))


@pytest.mark.parametrize("names", [None, ["sub-01", "sub-02", "sub-07"]])
def test_others_who_cancel_out_are_named_by_whom_they_leave_out(names: Any) -> None:
    ranks = np.arange(15.0)
    third = np.random.default_rng(0).permutation(15)
    left_out = "sub-07" if names else "subject 2"
    with pytest.raises(BadInput, match=f"RDM of the mean without {left_out} cannot be ranked"):
        noise_ceiling(np.stack([ranks, -ranks, third]), names=names)


def test_ceilings_of_single_precision_are_averaged_in_double(simulated_rdms: Any) -> None:
    rdms = simulated_rdms(4, 8, 0).astype(np.float32)
    single, double = (noise_ceiling(each, average="raw") for each in (rdms, rdms.astype(np.float64)))
    assert (single.lower, single.upper) == (double.lower, double.upper)


@pytest.mark.parametrize(("combine", "average"), [("mean", "rank"), ("rms", "raw")])
def test_the_interval_of_the_lower_ceiling_is_the_jackknife(
    simulated_rdms: Any, combine: Any, average: Any
) -> None:
    rdms = simulated_rdms(5, 8, 0) + simulated_rdms(1, 8, 1)
    how = {"combine": combine, "average": average}
    without = [noise_ceiling(np.delete(rdms, left_out, axis=0), **how).lower for left_out in range(5)]
    error = np.sqrt(4 / 5 * np.sum((np.array(without) - np.mean(without)) ** 2))
    reach = t.ppf(0.95, 4) * error
    found = lower_ceiling_interval(rdms, level=0.9, **how)
    centre = noise_ceiling(rdms, **how).lower
    np.testing.assert_allclose([found.lower, found.upper], [centre - reach, centre + reach], rtol=1e-12)


def test_an_interval_needs_three_subjects_and_a_level(simulated_rdms: Any) -> None:
    with pytest.raises(BadInput, match="at least 3 subjects"):
        lower_ceiling_interval(simulated_rdms(2, 8, 0))
    with pytest.raises(BadInput, match="level of an interval"):
        lower_ceiling_interval(simulated_rdms(3, 8, 0), level=1.0)


@pytest.mark.parametrize(("signal", "least"), [pytest.param(0.0, 0.95, marks=pytest.mark.slow), (1.0, 0.85)])
def test_the_interval_contains_the_expected_ceiling(signal: float, least: float) -> None:
    """Brains that share a pattern, with noise. The bound is four standard errors below 0.95."""
    rng = np.random.default_rng(0)
    common = signal * rng.normal(size=45)

    def study() -> NDArray[np.float64]:
        return np.asarray(common * np.exp(0.5 * rng.normal(size=(8, 1))) + rng.normal(size=(8, 45)))

    truth = np.mean([noise_ceiling(study()).lower for _ in range(600)])
    found = [lower_ceiling_interval(study()) for _ in range(100)]
    assert np.mean([each.lower <= truth <= each.upper for each in found]) >= least
