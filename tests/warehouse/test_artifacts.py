"""Artifacts contain their own metadata, and the same job gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_batches import batch_of, made

from alignhouse.warehouse import BrokenWarehouse, artifacts, vectors
from alignhouse.warehouse.artifacts import FOLDERS, files, hive, load, read_metadata
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.vectors import (
    VectorFile,
    read_vectors,
    vector_batch,
    vector_schema,
    vector_table,
    with_vectors,
)


def vectors_batch(values: np.ndarray, **settings: object) -> Batch:
    table = vector_table({"subject": [f"s{i}" for i in range(len(values))]}, "rdm", values)
    output = Output(("rdms", "kind=brain"), table, about={"conditions": ["x", "y"]})
    return batch_of(Job("rdm", 1, settings, {"a": "1" * 64}, ""), output)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_vectors_come_back_to_the_bit(tmp_path: Path, kind: type) -> None:
    values = np.random.default_rng(0).normal(size=(5, 5151)).astype(kind)
    [artifact] = made(tmp_path, vectors_batch(values))
    names, read = read_vectors(tmp_path / artifact.path, "rdm")
    assert names["subject"].to_list() == ["s0", "s1", "s2", "s3", "s4"]
    assert read.dtype == kind
    np.testing.assert_array_equal(read, values)


def test_vectors_longer_than_a_duckdb_array_come_back_too(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(2, 606_651))
    [artifact] = made(tmp_path, vectors_batch(values))
    np.testing.assert_array_equal(read_vectors(tmp_path / artifact.path, "rdm")[1], values)


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    batch = vectors_batch(np.zeros((2, 3)), distance="correlation")
    [artifact], [job] = made(tmp_path, batch), batch.jobs
    said = read_metadata(tmp_path / artifact.path)
    assert (said["job"], said["settings"], said["inputs"]) == (job.key, job.settings, job.inputs)
    assert said["about"] == artifact.about == {"conditions": ["x", "y"]}
    assert load(tmp_path, tmp_path / artifact.path) == artifact


def test_the_same_job_writes_the_same_bytes(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(3, 66))
    [first] = made(tmp_path / "1", vectors_batch(values))
    [second] = made(tmp_path / "2", vectors_batch(values))
    assert first == second


def test_streamed_batches_equal_a_whole_table(tmp_path: Path) -> None:
    table = vector_table({"subject": ["a", "b"]}, "rdm", np.arange(6.0).reshape(2, 3))
    output = Output(("rdms",), (table.schema, iter(table.to_batches(max_chunksize=1))))
    batch = batch_of(Job("m", 1, {}, {}, ""), output)
    [artifact] = made(tmp_path, batch)
    assert artifact.n_rows == 2
    np.testing.assert_array_equal(read_vectors(tmp_path / artifact.path, "rdm")[1], [[0, 1, 2], [3, 4, 5]])


def test_a_job_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def batches(table: pa.Table) -> object:
        yield from table.to_batches()
        raise RuntimeError("disk on fire")

    table = vector_table({"subject": ["a"]}, "rdm", np.zeros((1, 3)))
    output = Output(("rdms",), (table.schema, batches(table)))  # type: ignore[arg-type]
    batch = batch_of(Job("m", 1, {}, {}, ""), output)
    with pytest.raises(RuntimeError, match="disk on fire"):
        made(tmp_path, batch)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_names_its_row(bad: float) -> None:
    values = np.zeros((3, 4))
    values[1, 2] = bad
    with pytest.raises(ValueError, match="NaN or infinity in 1 rows.*'subject': 'b'"):
        vector_table({"subject": ["a", "b", "c"]}, "rdm", values)
    gaps = vector_table({"subject": ["a", "b"]}, "rdm", np.array([[0.0, 1.0], [np.nan, 1.0]]), gaps=True)
    assert np.isnan(gaps["rdm"].to_pylist()[1][0])
    with pytest.raises(ValueError, match="NaN or infinity in 1 rows"):
        vector_table({"subject": ["a"]}, "rdm", np.array([[np.nan, np.inf]]), gaps=True)


def test_a_file_from_another_program_is_not_an_artifact(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(BrokenWarehouse, match=r"x\.parquet"):
        read_metadata(tmp_path / "x.parquet")


def test_keys_differ_between_settings_inputs_methods_and_versions() -> None:
    def job(**changes: object) -> str:
        given: dict[str, object] = {"method": "m", "version": 1, "settings": {"a": 1}, "inputs": {"b": "2"}}
        return Job(**{**given, **changes}, label="").key  # type: ignore[arg-type]

    changes: list[dict[str, object]] = [
        {},
        {"method": "n"},
        {"version": 2},
        {"settings": {"a": 2}},
        {"inputs": {"b": "3"}},
        {"inputs": {"c": "2"}},
    ]
    assert len({job(**each) for each in changes}) == len(changes)
    assert job(settings={"a": 1, "z": 2}) == job(settings={"z": 2, "a": 1})


def test_names_that_a_file_system_could_misread_are_escaped() -> None:
    assert hive("model", "a/b:c") == "model=a%2Fb%3Ac"
    assert hive("roi", "IPS1-2-3") == "roi=IPS1-2-3"


@pytest.mark.parametrize("compress", [True, False])
def test_some_rows_of_a_file_are_read_without_the_others(tmp_path: Path, compress: bool) -> None:
    values = np.random.default_rng(0).normal(size=(23, 7)).astype(np.float32)
    names = {"subject": pa.string(), "repetition": pa.int32()}
    schema = vector_schema(names, "beta", 7, np.float32)

    def batches() -> Iterator[pa.RecordBatch]:
        for start, stop in ((0, 5), (5, 6), (6, 20), (20, 23)):
            rows = {"subject": [f"s{i}" for i in range(start, stop)], "repetition": range(start, stop)}
            yield vector_batch(schema, {name: list(each) for name, each in rows.items()}, values[start:stop])

    output = Output(("betas",), (schema, batches()), compress=compress)
    batch = batch_of(Job("betas", 1, {}, {}, ""), output)
    [artifact] = made(tmp_path, batch)
    assert artifact.n_rows == 23
    with VectorFile(tmp_path / artifact.path, "beta") as file:
        assert (file.n_rows, file.n_values) == (23, 7)
        assert file.names("repetition") == list(range(23))
        for start in range(23):
            for stop in range(start + 1, 24):
                np.testing.assert_array_equal(file.read(start, stop), values[start:stop])
    with pytest.raises(BrokenWarehouse, match="column rdm"):
        VectorFile(tmp_path / artifact.path, "rdm")


def test_long_vectors_are_read_one_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Rows of 56 bytes: three share a row group, and two are more than is read whole."""
    monkeypatch.setattr(artifacts, "MOST_BYTES_A_GROUP", 200)
    monkeypatch.setattr(vectors, "MOST_BYTES_READ_WHOLE", 100)
    values = np.random.default_rng(0).normal(size=(11, 7))
    [artifact] = made(tmp_path, vectors_batch(values))
    file = pq.ParquetFile(artifact.file)
    groups = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
    assert groups == [3, 3, 3, 2]
    with artifact.vector_file("rdm") as opened:
        for start in range(11):
            for stop in range(start + 1, 12):
                np.testing.assert_array_equal(opened.read(start, stop), values[start:stop])
    np.testing.assert_array_equal(np.stack(list(artifact.lazy_vectors("rdm"))), values)
    np.testing.assert_array_equal(np.asarray(artifact.lazy_vectors("rdm")), values)


def test_vectors_of_another_length_than_the_schema_says_are_refused() -> None:
    schema = vector_schema({"subject": pa.string()}, "beta", 3, np.float32)
    with pytest.raises(ValueError, match=r"expected \(n_rows, 3\)"):
        vector_batch(schema, {"subject": ["a"]}, np.zeros((1, 4), np.float32))


def encodings(path: Path) -> dict[str, tuple[str, str, bool]]:
    """Column -> compression, the encoding of its values, and whether it has statistics."""
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = [group.column(index) for index in range(group.num_columns)]
    return {
        each.path_in_schema: (each.compression, " ".join(each.encodings), each.is_stats_set)
        for each in columns
    }


@pytest.mark.parametrize("compress", [True, False])
def test_floats_are_split_into_bytes_where_they_are_compressed(tmp_path: Path, compress: bool) -> None:
    table = vector_table({"subject": ["a", "b"]}, "rdm", np.arange(6.0).reshape(2, 3))
    output = Output(("rdms",), table, compress=compress)
    [artifact] = made(tmp_path, batch_of(Job("m", 1, {"compress": compress}, {}, ""), output))
    found = encodings(artifact.file)
    assert {kind for kind, _, _ in found.values()} == {"ZSTD" if compress else "UNCOMPRESSED"}
    assert ("BYTE_STREAM_SPLIT" in found["rdm.list.element"][1]) == compress
    assert "DICTIONARY" in found["subject"][1]
    assert found["subject"][2]
    assert not found["rdm.list.element"][2], "the smallest number of a vector says nothing about its rows"


def test_plain_columns_have_statistics_and_split_floats(tmp_path: Path) -> None:
    output = Output(("facts",), pa.table({"roi": ["V1"], "rho": [0.5], "n": [3]}))
    [artifact] = made(tmp_path, batch_of(Job("m", 1, {}, {}, ""), output))
    found = encodings(artifact.file)
    assert "BYTE_STREAM_SPLIT" in found["rho"][1]
    assert all(has_statistics for _, _, has_statistics in found.values())


def test_some_columns_of_a_table_are_read(tmp_path: Path) -> None:
    output = Output(("facts",), pa.table({"roi": ["V1"], "rho": [0.5]}))
    [artifact] = made(tmp_path, batch_of(Job("m", 1, {}, {}, ""), output))
    assert artifact.rows(["rho"]).to_dicts() == [{"rho": 0.5}]
    assert artifact.rows().to_dicts() == [{"roi": "V1", "rho": 0.5}]


def test_a_file_can_have_several_vectors_a_row(tmp_path: Path) -> None:
    short, long = np.arange(4.0).reshape(2, 2), np.arange(6.0).reshape(2, 3)
    table = with_vectors(vector_table({"layer": ["a", "b"]}, "gram", long), "means", short)
    [artifact] = made(tmp_path, batch_of(Job("m", 1, {}, {}, ""), Output(("grams",), table)))
    for column, expected in (("gram", long), ("means", short)):
        names, vectors = artifact.vectors(column)
        np.testing.assert_array_equal(vectors, expected)
        assert names.to_dict(as_series=False) == {"layer": ["a", "b"]}
    with artifact.vector_file("means") as file:
        np.testing.assert_array_equal(file.read(1, 2), short[1:])
    with pytest.raises(ValueError, match="NaN or infinity in 1 rows"):
        with_vectors(table, "more", np.array([[1.0], [np.nan]]))


def test_files_of_every_kind_are_found(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "sub" / "a.parquet" for folder in FOLDERS]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.touch()
    assert [path.relative_to(tmp_path).parts[0] for path in files(tmp_path)] == [
        "betas",
        "rdms",
        "grams",
        "nulls",
        "bootstraps",
        "encodings",
        "facts",
    ]
