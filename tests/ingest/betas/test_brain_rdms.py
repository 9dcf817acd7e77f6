"""Brain RDMs from betas, against numpy and against what the published code makes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from alignhouse.ingest.betas.brain_rdms import average_subjects, brain_rdm
from alignhouse.ingest.betas.reading import read_betas
from alignhouse.ingest.datasets.bmd.layout import find_beta_files
from alignhouse.ingest.datasets.bmd.regions import resolve
from alignhouse.warehouse.errors import BadInput


def test_repetitions_are_averaged_and_parts_concatenated():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(6, 10, 7)), rng.normal(size=(6, 10, 3))
    together = np.concatenate([left, right], axis=2).mean(axis=1)
    np.testing.assert_allclose(brain_rdm([left, right]), pdist(together, "correlation"), atol=1e-12)


@pytest.mark.parametrize("shapes", [[], [(3, 2)], [(3, 2, 4), (4, 2, 4)]])
def test_parts_of_different_stimuli_are_refused(shapes):
    with pytest.raises(BadInput, match="betas of the parts"):
        brain_rdm([np.ones(shape) for shape in shapes])


def test_subjects_are_averaged_pair_by_pair():
    rdms = np.random.default_rng(1).normal(size=(4, 10))
    np.testing.assert_allclose(average_subjects(rdms), np.mean(rdms, axis=0))


def test_an_average_over_nan_names_the_subject():
    rdms = np.ones((4, 10))
    rdms[2, 5] = np.nan
    with pytest.raises(BadInput, match="subject 3 of 4"):
        average_subjects(rdms)
    with pytest.raises(BadInput, match="n\\(n-1\\)/2"):
        average_subjects(np.ones((4, 11)))


@pytest.mark.parametrize("roi", ["V1", "hV4", "EBA"])
def test_rdms_equal_those_of_the_published_code(test_data, roi):
    (region,) = resolve(roi)
    with np.load(test_data / f"paper_parity/expected/brain_rdms/fmri_{roi}.npz") as stored:
        expected = stored["arr_0"]
    files = find_beta_files(test_data / "paper_parity/betas", "B", region.parts)
    for i, of_subject in enumerate(expected):
        parts = [
            read_betas(file)["test"] for file in files[i * len(region.parts) : (i + 1) * len(region.parts)]
        ]
        np.testing.assert_allclose(brain_rdm(parts), squareform(of_subject, checks=False), rtol=0, atol=1e-6)
