"""Artifacts: Parquet files that are written once, never changed, and named by the job that made them.

Every file stores its key, settings and inputs in the Parquet metadata, so the DuckDB file can be rebuilt from
the artifacts alone. pyarrow is imported only where files are read or written, because `alignhouse ask` needs
neither and should start fast.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from alignhouse.warehouse.errors import BrokenWarehouse
from alignhouse.warehouse.files import move_into_place
from alignhouse.warehouse.jobs import Job, Output, canonical
from alignhouse.warehouse.verified import content_hash, verify

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import pyarrow as pa

    from alignhouse.warehouse.vectors import StoredVectors, VectorFile

FOLDERS = ("betas", "rdms", "grams", "nulls", "bootstraps", "encodings", "facts")
SCRATCH = "scratch"
METADATA_KEY = b"alignhouse"
# A row group is the smallest part of a file that is found without decoding what stands before it.
MOST_BYTES_A_GROUP = 2**30
# Enough of the 64 digits that two jobs never share a file name (probability 2**-80 at a million files).
NAME_DIGITS = 20


@dataclass(frozen=True)
class Artifact:
    """A finished file, with the job that made it.

    Parameters
    ----------
    artifact : its name. job : the key of the job that made it.
    position, of : its index among the files of that job, from 0, and the number of those files.
    path : relative to the warehouse. root : the folder of the warehouse.
    n_rows : number of rows. table, slot : see `Output`.
    """

    artifact: str
    job: str
    position: int
    of: int
    method: str
    version: int
    settings: dict[str, Any]
    inputs: dict[str, str]
    path: str
    sha256: str
    bytes: int
    n_rows: int
    table: str | None
    slot: tuple[str, ...]
    root: Path = field(compare=False, repr=False)

    @property
    def file(self) -> Path:
        """The Parquet file."""
        return self.root / self.path

    @property
    def verified(self) -> Path:
        """The Parquet file, once its content has been compared with the registered hash.

        Raises
        ------
        DamagedArtifact : the file is missing or has changed. Every method that reads the file raises it.
        """
        return verify(self.root, self.path, self.sha256)

    @cached_property
    def about(self) -> Mapping[str, Any]:
        """Facts about the rows, e.g. the names of an RDM's conditions; see `Output.about`."""
        return read_about(self.verified)

    def vectors(self, column: str) -> tuple[pl.DataFrame, np.ndarray]:
        """The name columns (n_rows) and the vectors (n_rows, n_values) of a vector column."""
        from alignhouse.warehouse.vectors import read_vectors

        return read_vectors(self.verified, column)

    def lazy_vectors(self, column: str) -> StoredVectors:
        """The vectors (n_rows, n_values), loaded each time that `np.asarray` needs them."""
        from alignhouse.warehouse.vectors import StoredVectors

        return StoredVectors(self.verified, column)

    def vector_file(self, column: str) -> VectorFile:
        """The open file, for reading some of its vectors; a context manager."""
        from alignhouse.warehouse.vectors import VectorFile

        return VectorFile(self.verified, column)

    def rows(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows, or only some columns; for a file of vectors, select only the name columns."""
        import polars as pl

        chosen = None if columns is None else list(columns)
        return pl.read_parquet(self.verified, columns=chosen, hive_partitioning=False, glob=False)


def hive(column: str, value: str) -> str:
    """A hive-style folder name, `column=value`; characters that are unsafe in file names are escaped."""
    return f"{column}={quote(value, safe=' ()+,@')}"


def write(root: Path, job: Job, outputs: Sequence[Output]) -> list[Artifact]:
    """Write all files of a job and move them into place, without registering them.

    Any process that can write to the warehouse `root` can call this.
    """
    return [_write(root, job, output, i, len(outputs)) for i, output in enumerate(outputs)]


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of an artifact: key, settings, inputs, and `about` its rows.

    Raises
    ------
    BrokenWarehouse : the file is not a Parquet file, or alignhouse did not write it.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(path).metadata or {}
        return json.loads(metadata[METADATA_KEY])
    except (KeyError, ValueError, OSError, pa.ArrowException) as error:
        raise BrokenWarehouse(
            f"artifact {path}",
            expected="a Parquet file written by alignhouse",
            found=f"{type(error).__name__}: {error}",
            hint="remove it and run the study again",
        ) from error


def read_about(path: Path) -> Mapping[str, Any]:
    """Facts about the rows that an artifact's file stores; see `Output.about`."""
    about: dict[str, Any] = read_metadata(path)["about"]
    return about


def load(root: Path, path: Path) -> Artifact:
    """The record of a finished file, from the file's own metadata."""
    import pyarrow.parquet as pq

    about = read_metadata(path)
    return Artifact(
        artifact=about["artifact"],
        job=about["job"],
        position=about["position"],
        of=about["of"],
        method=about["method"],
        version=about["version"],
        settings=about["settings"],
        inputs=about["inputs"],
        path=path.relative_to(root).as_posix(),
        sha256=content_hash(path),
        bytes=path.stat().st_size,
        n_rows=pq.read_metadata(path).num_rows,
        table=about["table"],
        slot=tuple(about["slot"]),
        root=root,
    )


def from_row(root: Path, row: Sequence[Any]) -> Artifact:
    """The record of an artifact. row : its columns of the table `artifact`, in the order of the record."""
    settings, inputs, slot = (json.loads(row[place]) for place in (6, 7, 13))
    values = (*row[:6], settings, inputs, *row[8:13], tuple(slot), root)
    return Artifact(**{each.name: value for each, value in zip(fields(Artifact), values, strict=True)})


def files(root: Path) -> Iterator[Path]:
    """Every artifact file of a warehouse, sorted by name."""
    for folder in FOLDERS:
        yield from sorted((root / folder).rglob("*.parquet"))


def orphans(root: Path, known: Sequence[str]) -> dict[str, list[Path]]:
    """Unregistered files, grouped by the part of their name that comes from the job's key.

    A job that is killed after it moved its last file, but before registration, leaves such files. They are
    complete.
    """
    registered = set(known)
    found: dict[str, list[Path]] = {}
    for path in files(root):
        if path.relative_to(root).as_posix() not in registered:
            found.setdefault(path.name[:NAME_DIGITS], []).append(path)
    return found


def adopt(root: Path, job: Job, candidates: Sequence[Path]) -> list[Artifact] | None:
    """The records of `job`'s files if all of them are among `candidates`, else None."""
    loaded = sorted((load(root, path) for path in candidates), key=lambda each: each.position)
    loaded = [each for each in loaded if each.job == job.key]
    if not loaded or len(loaded) != loaded[0].of:
        return None
    return loaded


def _write(root: Path, job: Job, output: Output, position: int, of: int) -> Artifact:
    import pyarrow.parquet as pq

    name = f"{job.key[:NAME_DIGITS]}-{position}"
    about = {
        "artifact": name,
        "job": job.key,
        "position": position,
        "of": of,
        "method": job.method,
        "version": job.version,
        "settings": dict(job.settings),
        "inputs": dict(job.inputs),
        "table": output.table,
        "slot": list(output.slot),
        "about": dict(output.about),
    }
    # Processes of two machines may have the same number.
    temporary = root / SCRATCH / f"{name}.{socket.gethostname()}.{os.getpid()}.parquet"
    temporary.parent.mkdir(parents=True, exist_ok=True)
    try:
        rows = _write_parquet(temporary, output, {METADATA_KEY: canonical(about).encode()})
        found = pq.read_metadata(temporary).num_rows
        if found != rows:
            raise BrokenWarehouse(f"written file {temporary}", expected=f"{rows} rows", found=found)
        final = root.joinpath(*output.folder) / f"{name}.parquet"
        move_into_place(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)
    return load(root, final)


def _write_parquet(path: Path, output: Output, metadata: dict[bytes, bytes]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(output.data, pa.Table):
        schema, batches = output.data.schema, iter(output.data.to_batches())
    else:
        schema, batches = output.data[0], iter(output.data[1])
    schema = schema.with_metadata(metadata)
    floats = [_leaf(each) for each in schema if pa.types.is_floating(_value_type(each.type))]
    names = [each.name for each in schema if pa.types.is_string(each.type)]
    vectors = [each.name for each in schema if pa.types.is_fixed_size_list(each.type)]
    rows = 0
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd" if output.compress else "none",
        # Byte-stream split groups bytes of equal significance, so that similar floats compress well.
        use_byte_stream_split=floats if floats and output.compress else False,
        use_dictionary=names,
        # Minimum and maximum of a vector's values do not help to select rows.
        write_statistics=names if vectors else True,
    ) as writer:
        for batch in batches:
            writer.write_batch(batch.replace_schema_metadata(metadata), _rows_of_a_group(batch))
            rows += batch.num_rows
    return rows


def _rows_of_a_group(batch: pa.RecordBatch) -> int | None:
    """The rows of a batch that share a row group; None, pyarrow's own choice, unless it is too large."""
    if batch.nbytes <= MOST_BYTES_A_GROUP:
        return None
    return max(1, MOST_BYTES_A_GROUP * batch.num_rows // batch.nbytes)


def _value_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return kind.value_type if isinstance(kind, pa.FixedSizeListType | pa.ListType) else kind


def _leaf(column: pa.Field) -> str:
    import pyarrow as pa

    nested = isinstance(column.type, pa.FixedSizeListType | pa.ListType)
    return f"{column.name}.list.element" if nested else column.name
