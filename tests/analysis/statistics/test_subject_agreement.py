"""The test of a noise ceiling against chance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import squareform
from scipy.stats import rankdata, zscore

from alignhouse.analysis.kernels.similarity import rank
from alignhouse.analysis.statistics import subject_agreement
from alignhouse.analysis.statistics.subject_agreement import agreement, agreement_tests
from alignhouse.warehouse.errors import BadInput

Array = NDArray[np.float64]


def plain_agreement(rdms: Array) -> float:
    """Each subject's ranks, correlated with the mean of the others' ranks in standard units; their mean."""
    ranks = zscore(rankdata(rdms, axis=1), axis=1)
    found = [
        np.corrcoef(each, np.delete(ranks, subject, axis=0).mean(axis=0))[0, 1]
        for subject, each in enumerate(ranks)
    ]
    return float(np.mean(found))


@pytest.mark.parametrize("n_subjects", [2, 3, 7])
def test_agreement_equals_its_definition(simulated_rdms: Any, n_subjects: int) -> None:
    rdms = simulated_rdms(n_subjects, 8, 1, ties=True)
    assert agreement(rank(rdms).unit()) == pytest.approx(plain_agreement(rdms), abs=1e-12)
    stacked = np.stack([rank(rdms).unit(), rank(rdms[::-1]).unit() * 1.0])
    np.testing.assert_allclose(agreement(stacked), plain_agreement(rdms), atol=1e-12)


def plain_agreement_by_tau_a(rdms: Array) -> float:
    """The same of vectors of all signs, each compared with the mean of the others' vectors."""
    q, r = np.triu_indices(rdms.shape[1], 1)
    signs = np.sign(rdms[:, q] - rdms[:, r]) / np.sqrt(q.size)
    others = [np.delete(signs, subject, axis=0).mean(axis=0) for subject in range(len(signs))]
    pairs = zip(signs, others, strict=True)
    return float(np.mean([one @ other / np.linalg.norm(other) for one, other in pairs]))


def test_agreement_by_tau_a_equals_its_definition(simulated_rdms: Any) -> None:
    rdms = np.stack([simulated_rdms(4, 8, seed, ties=True) for seed in range(3)])
    ranks = np.stack([rank(each).centred for each in rdms]).astype(np.float32)
    expected = [plain_agreement_by_tau_a(each) for each in rdms]
    np.testing.assert_allclose(agreement(ranks, "kendall_tau_a"), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("measure", "plainly"), [("spearman", plain_agreement), ("kendall_tau_a", plain_agreement_by_tau_a)]
)
def test_p_counts_the_orders_that_agree_as_far(simulated_rdms: Any, measure: Any, plainly: Any) -> None:
    """Permute square RDMs with the same orders, one subject after the other."""
    rdms = simulated_rdms(3, 6, 2) + simulated_rdms(1, 6, 3)
    found = agreement_tests({"V1": rdms}, permutations=199, seed=5, measure=measure)
    orders = subject_agreement.OrdersOfSubjects(3, 6, 5).draw(199)
    null = [
        plainly(
            np.stack(
                [
                    squareform(squareform(each)[order][:, order])
                    for each, order in zip(rdms, of_all, strict=True)
                ]
            )
        )
        for of_all in orders
    ]
    count = np.sum(np.array(null) >= plainly(rdms) - 1e-7)
    assert 0 < count < 199
    assert found["V1"] == (1 + count) / 200


def test_agreeing_subjects_have_the_smallest_p_and_unrelated_ones_any(simulated_rdms: Any) -> None:
    alike = simulated_rdms(4, 9, 0) * 0.1 + simulated_rdms(1, 9, 1)
    assert agreement_tests({"V1": alike}, permutations=99, seed=0) == {"V1": 0.01}
    unrelated = {f"r{seed}": simulated_rdms(3, 9, seed) for seed in range(200)}
    p = np.array(list(agreement_tests(unrelated, permutations=99, seed=0).values()))
    # Uniform under the null: 5 % within four standard errors, and a mean of about a half.
    assert np.mean(p <= 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200)
    assert 0.42 < p.mean() < 0.58


def test_main_effects_of_stimuli_are_no_false_alarm() -> None:
    """Odd stimuli of their own in each subject do not make subjects agree."""
    rng = np.random.default_rng(0)
    row, column = np.triu_indices(10, 1)
    found = []
    for _ in range(200):
        odd = rng.normal(size=(4, 10)) * 2
        found.append(rng.normal(size=(4, row.size)) + odd[:, row] + odd[:, column])
    p = agreement_tests({f"r{i}": each for i, each in enumerate(found)}, permutations=99, seed=1)
    assert np.mean(np.array(list(p.values())) <= 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200)


def test_blocks_and_other_regions_change_nothing(simulated_rdms: Any) -> None:
    brain = {"V1": simulated_rdms(5, 8, 1), "V2": simulated_rdms(3, 8, 2)}
    whole = agreement_tests(brain, permutations=150, seed=0)
    assert agreement_tests(brain, permutations=150, seed=0, memory=1) == whole
    assert agreement_tests({"V1": brain["V1"]}, permutations=150, seed=0)["V1"] == whole["V1"]
    orders = subject_agreement.OrdersOfSubjects(2, 6, 3)
    apart = np.concatenate([orders.draw(3), orders.draw(4)])
    np.testing.assert_array_equal(apart, subject_agreement.OrdersOfSubjects(2, 6, 3).draw(7))


def test_what_cannot_be_tested_is_refused(simulated_rdms: Any) -> None:
    assert agreement_tests({}, permutations=9, seed=0) == {}
    with pytest.raises(BadInput, match="subjects of V1.*at least 2 subjects"):
        agreement_tests({"V1": simulated_rdms(1, 8, 0)}, permutations=9, seed=0)
    for permutations, seed in ((0, 0), (9, -1)):
        with pytest.raises(BadInput, match="at least 1 permutation"):
            agreement_tests({"V1": simulated_rdms(2, 8, 0)}, permutations=permutations, seed=seed)
    damaged = simulated_rdms(2, 8, 0)
    damaged[1, 3] = np.nan
    with pytest.raises(BadInput, match="V1, sub-02"):
        agreement_tests({"V1": damaged}, permutations=9, seed=0, names={"V1": ["V1, sub-01", "V1, sub-02"]})


def test_steps_rise_to_all_permutations(simulated_rdms: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the last wave and the last block of each wave are shorter."""
    monkeypatch.setattr("alignhouse.analysis.statistics.subject_agreement.MOST_PERMUTATIONS_A_BLOCK", 3)
    monkeypatch.setattr("alignhouse.analysis.statistics.subject_agreement.cores", lambda: 2)
    told: list[tuple[int, int]] = []
    agreement_tests(
        {"V1": simulated_rdms(3, 8, 1)},
        permutations=11,
        seed=0,
        tick=lambda done, total: told.append((done, total)),
    )
    assert told == [(3, 11), (6, 11), (9, 11), (11, 11)]
