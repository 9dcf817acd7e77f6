"""What a job is: a function of its inputs, known by a key.

The key is the hash of the method and its version, the settings and the contents of the inputs. Two jobs
with one key make the same artifacts, so a key that the warehouse knows is never worked again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

Tick = Callable[[int, int], None]
"""Called by a job with (steps done, steps in all)."""


def canonical(value: Any) -> str:
    """JSON text that is the same for equal values: sorted keys, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


@dataclass(frozen=True)
class Output:
    """One Parquet file that a job makes.

    Parameters
    ----------
    folder : hive-style folder inside the warehouse, e.g. ("rdms", "kind=brain", "roi=V1").
    data : an Arrow table, or (schema, batches) for what should not be in memory at once.
    table : the DuckDB table that the rows go to; None for vectors, which stay in Parquet.
    slot : columns of `table`; rows that agree with a new row in all of them are replaced.
    about : facts about the rows that are kept in the file itself (e.g. the names of an RDM's conditions).
    compress : betas are mostly noise: compressing them takes twice the time and saves a sixth.
    """

    folder: tuple[str, ...]
    data: pa.Table | tuple[pa.Schema, Iterable[pa.RecordBatch]]
    table: str | None = None
    slot: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    compress: bool = True


@dataclass(frozen=True)
class Job:
    """A description of work, and the function that does it.

    Parameters
    ----------
    method, version : the name of what is computed, and a number to raise whenever its result would change.
    settings : everything that changes the result, as plain JSON values.
    inputs : name -> content hash (of a raw file) or artifact name; what is read.
    label : what to call it in a progress bar.
    work : makes the outputs; is given a `Tick` to report steps to. Touches no warehouse.
    """

    method: str
    version: int
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    label: str
    work: Callable[[Tick], Iterable[Output]] = field(compare=False, repr=False)

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
