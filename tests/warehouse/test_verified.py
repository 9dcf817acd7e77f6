"""Stored files are compared with their hashes before a job uses them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from empty_warehouse import empty_warehouse
from small_batches import batch_of

from alignhouse.warehouse import Warehouse, verified
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.errors import DamagedArtifact
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer
from alignhouse.warehouse.tables import rows_output
from alignhouse.warehouse.vectors import vector_table


def vectors() -> Batch:
    table = vector_table({"name": ["a", "b"]}, "v", np.arange(2000.0).reshape(2, 1000))
    return batch_of(
        Job("vectors", 1, {}, {}, "vectors"), Output(("rdms", "kind=model"), table, compress=False)
    )


def _sum(job: Job, reporter: Reporter, made: Artifact) -> Sequence[Output]:
    _, values = made.vectors("v")
    columns = {"dataset": ["d"], "subject": ["s"], "subject_order": [int(values.sum())]}
    return [rows_output("subject", columns, ("dataset", "subject"))]


def total(made: Artifact, version: int) -> Batch:
    return single(Job("sum", version, {}, {"vectors": made.artifact}, "sum"), _sum, made=made)


def run(folder: Path, version: int) -> Artifact:
    with Writer(empty_warehouse(folder), "test") as writer, Run(writer, "test", {}) as doing:
        [[made]] = doing.do("vectors", [vectors()]).values()
        doing.do("sums", [total(made, version)])
    return made


def flip(file: Path) -> None:
    """Change one bit of a number; the file still has its size and decodes."""
    content = bytearray(file.read_bytes())
    place = content.index(np.float64(777.0).tobytes())
    content[place + 6] ^= 1
    file.write_bytes(content)


def the_sum(folder: Path) -> list[int]:
    with Warehouse(folder) as opened:
        return [row[0] for row in opened.sql("select subject_order from subject").fetchall()]


def test_a_changed_value_is_named_set_aside_and_made_again(tmp_path: Path) -> None:
    made = run(tmp_path / "w", 1)
    flip(made.file)
    with pytest.raises(
        DamagedArtifact, match=r"found another content.*made from it before: sum \(1\)"
    ) as found:
        run(tmp_path / "w", 2)
    assert found.value.path == made.path
    assert not made.file.exists()
    assert made.file.with_name(made.file.name + ".damaged").exists()
    assert the_sum(tmp_path / "w") == [1999000]
    run(tmp_path / "w", 2)
    assert the_sum(tmp_path / "w") == [1999000]
    assert made.verified == made.file


READINGS: dict[str, Callable[[Artifact], object]] = {
    "about": lambda artifact: artifact.about,
    "vectors": lambda artifact: artifact.vectors("v"),
    "lazy_vectors": lambda artifact: artifact.lazy_vectors("v"),
    "vector_file": lambda artifact: artifact.vector_file("v"),
    "rows": lambda artifact: artifact.rows(),
}


def test_every_way_of_reading_verifies(tmp_path: Path) -> None:
    made = run(tmp_path / "w", 1)
    flip(made.file)
    for name, read in READINGS.items():
        fresh = Artifact(**{name: getattr(made, name) for name in made.__dataclass_fields__})
        with pytest.raises(DamagedArtifact, match="another content"):
            read(fresh)
            pytest.fail(f"{name} reads a damaged file")
    made.file.unlink()
    for read in READINGS.values():
        fresh = Artifact(**{name: getattr(made, name) for name in made.__dataclass_fields__})
        with pytest.raises(DamagedArtifact, match="no such file"):
            read(fresh)


def test_a_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = run(tmp_path / "w", 1)

    def not_again(path: Path) -> str:
        raise AssertionError(f"{path} is hashed again")

    monkeypatch.setattr(verified, "sha256_of", not_again)
    for _ in range(3):
        made.rows(["name"])
    with pytest.raises(AssertionError, match="is hashed again"):
        made.file.touch()
        made.rows(["name"])


def test_the_error_comes_whole_from_another_process() -> None:
    error = DamagedArtifact("rdms/x.parquet", "no such file")
    again = pickle.loads(pickle.dumps(error))
    assert (again.path, str(again)) == (error.path, str(error))
