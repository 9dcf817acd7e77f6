"""Jobs and their outputs.

A job is plain data. Its key is the hash of the method, its version, the settings and the contents of the
inputs. Two jobs with equal keys make the same artifacts, so a job is done if the warehouse has its key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


def canonical(value: Any) -> str:
    """JSON text that is the same for equal values: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class Output:
    """One Parquet file that a job makes.

    Parameters
    ----------
    folder : hive-style folder inside the warehouse, e.g. ("rdms", "kind=brain", "roi=V1").
    data : an Arrow table, or (schema, batches) for rows that do not fit into memory at once.
    table : the DuckDB table of the rows; None for vectors, which stay in Parquet.
    slot : columns of `table`; a new row replaces the rows that have the same values in all of them.
    about : facts about the rows, stored in the file's metadata (e.g. the names of an RDM's conditions).
    compress : False for betas, which are mostly noise: compression doubles the time and saves a sixth.
    """

    folder: tuple[str, ...]
    data: pa.Table | tuple[pa.Schema, Iterable[pa.RecordBatch]]
    table: str | None = None
    slot: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    compress: bool = True


@dataclass(frozen=True)
class Job:
    """A description of a computation; `alignhouse.warehouse.batches.Batch` runs it.

    Parameters
    ----------
    method, version : the name of the computation, and a number to raise whenever its result would change.
    settings : everything that changes the result, as plain JSON values.
    inputs : name -> content hash (of a raw file) or artifact name, for every input that the job reads.
    label : the name of the job in a progress bar.
    """

    method: str
    version: int
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    label: str

    @cached_property
    def key(self) -> str:
        """64 hexadecimal digits, equal for jobs that would make the same artifacts."""
        identity = {
            "method": self.method,
            "version": self.version,
            "settings": self.settings,
            "inputs": self.inputs,
        }
        return hashlib.sha256(canonical(identity).encode()).hexdigest()
