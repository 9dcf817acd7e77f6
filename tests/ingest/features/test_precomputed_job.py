"""Model RDMs that another program computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alignhouse.ingest.features.jobs import precomputed_job
from alignhouse.warehouse import BadInput
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer
from alignhouse.warehouse.vectors import read_vectors

CONDITIONS = [f"{number:04d}" for number in range(1, 6)]


class Reader:
    """Returns RDMs, and counts its calls."""

    def __init__(self, **layers: np.ndarray) -> None:
        self.layers, self.times = layers, 0

    def __call__(self) -> dict[str, np.ndarray]:
        self.times += 1
        return self.layers


def test_rdms_are_read_when_the_job_is_done_and_not_again(tmp_path: Path) -> None:
    rdms = np.random.default_rng(0).random((2, 10))
    read = Reader(conv1=rdms[0], fc=rdms[1])
    for _ in range(2):
        job = precomputed_job("net", read, {"rdms.npz": "abc"}, CONDITIONS)
        with Writer(tmp_path, "test") as writer, Run(writer, "test", {}) as run:
            [artifact] = run.do("Model RDMs", [job])[job.key]
    assert read.times == 1
    names, stored = read_vectors(tmp_path / artifact.path, "rdm")
    np.testing.assert_array_equal(stored, rdms)
    assert names.select("layer", "layer_index", "depth").rows() == [("conv1", 0, 0.0), ("fc", 1, 1.0)]


def test_an_rdm_of_other_conditions_is_named(tmp_path: Path) -> None:
    read = Reader(conv1=np.arange(10.0), fc=np.arange(15.0))
    job = precomputed_job("net", read, {"rdms.npz": "abc"}, CONDITIONS)
    with pytest.raises(BadInput, match="model RDM of net, fc: expected 5 conditions, .* found 6"):
        list(job.work(lambda done, total: None))
