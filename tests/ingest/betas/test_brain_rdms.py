"""Brain RDMs from betas, against numpy and against the published code."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import squareform
from small_batches import made

from alignhouse.ingest.betas.beta_jobs import betas_batch
from alignhouse.ingest.betas.brain_rdms import average_subjects
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.stored import open_region
from alignhouse.ingest.datasets.bmd.layout import find_beta_files
from alignhouse.ingest.datasets.bmd.reading import open_pickled_betas
from alignhouse.ingest.datasets.bmd.regions import resolve
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput


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
def test_rdms_equal_those_of_the_published_code(test_data, tmp_path, roi):
    (region,) = resolve(roi)
    with np.load(test_data / f"paper_parity/expected/brain_rdms/fmri_{roi}.npz") as stored:
        expected = stored["arr_0"]
    files = find_beta_files(test_data / "paper_parity/betas", "B", region.parts)
    by_subject = itertools.groupby(files, key=lambda file: file.subject)
    for of_subject, (_, parts) in zip(expected, by_subject, strict=True):
        with open_region([store(tmp_path, file) for file in parts], region.parts) as betas:
            rdm = betas.rdm([("test", name) for name in betas.stimuli("test")], memory=10**9)
        np.testing.assert_allclose(rdm, squareform(of_subject, checks=False), rtol=0, atol=1e-6)


def store(root: Path, file: BetaFile) -> dict[str, Artifact]:
    batch = betas_batch(
        file, {file.path: "0" * 64}, "d", "B", "test", open_raw=open_pickled_betas, memory=10**9
    )
    return {"test": made(root, batch)[0]}
