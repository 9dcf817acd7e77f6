"""What results belong to, and what jobs read and write alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.artifacts import Artifact, hive, read_metadata
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Output
from alignhouse.warehouse.vectors import StoredVectors, read_vectors


@dataclass(frozen=True)
class Scope:
    """What a set of results belongs to: a protocol, a data set and a split of its stimuli."""

    root: Path
    protocol: str
    settings: AnalysisSettings
    dataset: str
    split: str
    permutations: int
    seed: int

    def columns(self, rows: int) -> dict[str, list[str]]:
        return {
            name: [value] * rows
            for name, value in (("protocol", self.protocol), ("dataset", self.dataset), ("split", self.split))
        }

    def describe(self) -> dict[str, object]:
        return {
            "protocol": self.protocol,
            "settings": self.settings.model_dump(mode="json"),
            "dataset": self.dataset,
            "split": self.split,
            "permutations": self.permutations,
            "seed": self.seed,
        }

    def describe_without_chance(self) -> dict[str, object]:
        """As `describe`, for what no permutation changes."""
        return {key: value for key, value in self.describe().items() if key not in ("permutations", "seed")}


@dataclass(frozen=True)
class Model:
    """A network whose RDMs are stored: its name, the artifact of its RDMs, and what to remark of it."""

    name: str
    rdms: Artifact
    remark: str


@dataclass(frozen=True)
class Brains:
    """The brain RDMs of a study.

    rdms : region -> (S, P). subjects : region -> (S). conditions : the stimuli, in the order of all RDMs.
    """

    rdms: Mapping[str, NDArray[Any]]
    subjects: Mapping[str, list[str]]
    conditions: list[str]


def read_brains(root: Path, brains: Mapping[str, Artifact]) -> Brains:
    """The stored RDMs of all regions. Raises BadInput where their conditions differ."""
    rdms, subjects = {}, {}
    names: dict[str, list[str]] = {}
    for roi, artifact in brains.items():
        names[roi] = conditions(root, artifact)
        first = next(iter(names))
        check_conditions(f"region {first}", names[first], f"region {roi}", names[roi])
        rows, rdms[roi] = read_vectors(root / artifact.path, "rdm")
        subjects[roi] = rows["subject"].to_list()
    return Brains(rdms, subjects, next(iter(names.values())))


def find_layers(root: Path, model: Model, brains: Brains) -> tuple[list[str], StoredVectors]:
    """Names (L) and RDMs (L, P) of a network's layers; BadInput where the brains' conditions differ."""
    roi = next(iter(brains.subjects))
    check_conditions(model.name, conditions(root, model.rdms), f"region {roi}", brains.conditions)
    rdms = StoredVectors(root / model.rdms.path, "rdm")
    return rdms.names("layer"), rdms


def facts(
    scope: Scope, table: str, columns: Mapping[str, Any], remark: str | Sequence[str], slot: tuple[str, ...]
) -> Output:
    """Rows of a fact table: those of the scope, then `columns`, then the remark; see `Output` for `slot`."""
    count = len(next(iter(columns.values())))
    remarks = [remark] * count if isinstance(remark, str) else list(remark)
    rows = pa.table({**scope.columns(count), **columns, "remark": pa.array(remarks, pa.string())})
    return Output(
        ("facts", hive("table", table)), rows, table=table, slot=("protocol", "dataset", "split", *slot)
    )


def read_facts(root: Path, artifacts: Sequence[Artifact], table: str) -> pl.DataFrame:
    """The rows of the one artifact of `table` among a job's artifacts."""
    return pl.read_parquet(root / facts_of(artifacts, table).path, hive_partitioning=False)


def facts_of(artifacts: Sequence[Artifact], table: str) -> Artifact:
    """The one artifact of `table` among a job's artifacts."""
    [artifact] = [each for each in artifacts if each.table == table]
    return artifact


def vectors_of(artifacts: Sequence[Artifact]) -> Artifact:
    """The one artifact of vectors among a job's artifacts."""
    [artifact] = [each for each in artifacts if each.table is None]
    return artifact


def pairs_of(root: Path, brains: Mapping[str, Artifact]) -> int:
    """The number P of pairs of conditions of a study's RDMs."""
    n = len(conditions(root, next(iter(brains.values()))))
    return n * (n - 1) // 2


def conditions(root: Path, artifact: Artifact) -> list[str]:
    """The identifiers of an RDM artifact's conditions, in order."""
    return list(read_metadata(root / artifact.path)["about"]["conditions"])


def check_conditions(one: str, of_one: Iterable[str], other: str, of_other: Iterable[str]) -> None:
    """Raises BadInput, naming the first difference, where RDMs are not of the same conditions in order."""
    ours, theirs = list(of_one), list(of_other)
    if ours == theirs:
        return
    if len(ours) != len(theirs):
        raise BadInput(
            f"conditions of the RDMs of {one} and of {other} differ",
            expected=f"{len(theirs)} conditions",
            found=len(ours),
        )
    place = next(i for i, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1])
    raise BadInput(
        f"conditions of the RDMs of {one} and of {other} differ, first at place {place + 1}",
        expected=theirs[place],
        found=ours[place],
    )


def as_single(vectors: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Rows one below the other, in the precision that distributions are stored in."""
    return np.concatenate([np.atleast_2d(each) for each in vectors]).astype(np.float32, copy=False)
