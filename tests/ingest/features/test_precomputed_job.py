"""Model RDMs that another program computed: the job that stores them."""

from __future__ import annotations

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


def network(folder: Path, *, in_order: bool = False, **arrays: np.ndarray | list[str]) -> Batch:
    path = folder / "rdms.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return precomputed_batch(
        "net", folder, [path], {path: "abc"}, CONDITIONS, in_stimulus_order=in_order, memory=10**6
    )


def test_rdms_are_read_when_the_job_is_done_and_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rdms = np.random.default_rng(0).random((2, 10))
    batch = network(tmp_path, conv1=rdms[0], fc=rdms[1], conditions=CONDITIONS)
    assert batch.jobs[0].inputs == {"rdms.npz": "abc"}
    read, times = precomputed_jobs.given_layers, []

    def counted(*given: object) -> object:
        times.append(given)
        return read(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(precomputed_jobs, "given_layers", counted)
    for _ in range(2):
        with Writer(tmp_path / "w", "test") as writer, Run(writer, "test", {}) as run:
            [artifact] = run.do("Model RDMs", [batch])[batch.jobs[0].key]
    assert len(times) == 1
    names, stored = artifact.vectors("rdm")
    np.testing.assert_array_equal(stored, rdms)
    # Depth is not known here; see `layer_order`.
    assert names.select("layer", "layer_index", "depth").rows() == [("conv1", 0, None), ("fc", 1, None)]
    assert artifact.about == {"conditions": CONDITIONS, "matched": "by name"}


def test_its_lineage_says_that_stimuli_were_matched_by_position(tmp_path: Path) -> None:
    batch = network(tmp_path, in_order=True, conv1=np.arange(10.0))
    with Writer(tmp_path / "w", "test") as writer, Run(writer, "test", {}) as run:
        [artifact] = run.do("Model RDMs", [batch])[batch.jobs[0].key]
    assert artifact.about["matched"] == "by position"
    assert artifact.settings["in_stimulus_order"] is True


def test_two_layers_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", fc=np.arange(10.0), conditions=CONDITIONS)
    files = [tmp_path / "a.npz", tmp_path / "b.npz"]
    batch = precomputed_batch("net", tmp_path, files, dict.fromkeys(files, "abc"), CONDITIONS, memory=10**6)
    with pytest.raises(BadInput, match="two layers of net .*both called fc"):
        made(tmp_path / "w", batch)
