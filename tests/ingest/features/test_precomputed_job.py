"""Model RDMs that another program computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from small_batches import made

from alignhouse.ingest.features import precomputed_jobs
from alignhouse.ingest.features.precomputed_jobs import precomputed_batch
from alignhouse.warehouse import BadInput
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer

CONDITIONS = [f"{number:04d}" for number in range(1, 6)]


def network(folder: Path, **layers: np.ndarray) -> Batch:
    path = folder / "rdms.npz"
    np.savez(path, **layers)
    return precomputed_batch("net", [path], {path.name: "abc"}, CONDITIONS)


def test_rdms_are_read_when_the_job_is_done_and_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rdms = np.random.default_rng(0).random((2, 10))
    batch = network(tmp_path, conv1=rdms[0], fc=rdms[1])
    read, times = precomputed_jobs.read_model_rdms, []

    def counted(name: str, files: Sequence[Path]) -> Mapping[str, np.ndarray]:
        times.append(name)
        return read(name, files)

    monkeypatch.setattr(precomputed_jobs, "read_model_rdms", counted)
    for _ in range(2):
        with Writer(tmp_path / "w", "test") as writer, Run(writer, "test", {}) as run:
            [artifact] = run.do("Model RDMs", [batch])[batch.jobs[0].key]
    assert times == ["net"]
    names, stored = artifact.vectors("rdm")
    np.testing.assert_array_equal(stored, rdms)
    # Depth is not known here; see `layer_order`.
    assert names.select("layer", "layer_index", "depth").rows() == [("conv1", 0, None), ("fc", 1, None)]
    assert artifact.about == {"conditions": CONDITIONS}


def test_an_rdm_of_other_conditions_is_named(tmp_path: Path) -> None:
    batch = network(tmp_path, conv1=np.arange(10.0), fc=np.arange(15.0))
    with pytest.raises(BadInput, match="model RDM of net, fc: expected 5 conditions, .* found 6"):
        made(tmp_path, batch)
