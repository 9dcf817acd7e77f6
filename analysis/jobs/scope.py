"""The scope of results, and the inputs and outputs that all analysis jobs share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alignhouse.analysis.kernels.similarity import pair_count
from alignhouse.analysis.statistics.seen import Seen, all_seen
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Output
from alignhouse.warehouse.kept import kept
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.tables import rows_output
from alignhouse.warehouse.vectors import StoredVectors

# Layers per batch: enough to spread the cost of what networks share, few enough that a killed run loses only
# seconds.
MOST_LAYERS_AT_A_TIME = 512


class Scope(JobSettings):
    """The scope of a set of results: a protocol, a data set and a split of its stimuli.

    The settings of every analysis job start with these fields.
    """

    protocol: str
    settings: AnalysisSettings
    dataset: str
    split: str

    def facts(
        self,
        table: str,
        columns: Mapping[str, Any],
        remark: str,
        slot: tuple[str, ...],
    ) -> Output:
        """Rows of a fact table: the scope, then `columns`, then the remark; see `rows_output`."""
        count = len(next(iter(columns.values())))
        scope = {"protocol": self.protocol, "dataset": self.dataset, "split": self.split}
        rows = {name: [value] * count for name, value in scope.items()}
        return rows_output(
            table, {**rows, **columns, "remark": [remark] * count}, ("protocol", "dataset", "split", *slot)
        )


@dataclass(frozen=True)
class Model:
    """A network with stored RDMs: its name, the artifact of its RDMs, and a remark for its results."""

    name: str
    rdms: Artifact
    remark: str


@dataclass(frozen=True)
class Brains:
    """The brain RDMs of a study.

    rdms : region -> (S, P); {} where only names are needed. subjects : region -> (S).
    conditions : the stimuli, in the order of all RDMs.
    seen : region -> (S, n), the conditions that each subject saw; None if all saw all. Other pairs are NaN.
    """

    rdms: Mapping[str, NDArray[Any]]
    subjects: Mapping[str, list[str]]
    conditions: list[str]
    seen: Seen | None = None

    def without_rdms(self) -> Brains:
        """A copy with names only, to free the memory of the RDMs."""
        return replace(self, rdms={})


@kept
def read_brains(brains: Mapping[str, Artifact]) -> Brains:
    """The stored RDMs of all regions. Raises BadInput if their conditions differ."""
    rdms = {roi: artifact.vectors("rdm")[1] for roi, artifact in brains.items()}
    return replace(name_brains(brains), rdms=rdms)


def name_brains(brains: Mapping[str, Artifact]) -> Brains:
    """The names of stored RDMs, without the RDMs. Raises BadInput if their conditions differ."""
    subjects, seen = {}, {}
    names: dict[str, list[str]] = {}
    for roi, artifact in brains.items():
        names[roi] = conditions(artifact)
        first = next(iter(names))
        check_conditions(f"region {first}", names[first], f"region {roi}", names[roi])
        subjects[roi] = artifact.rows(["subject"])["subject"].to_list()
        lacking = unseen(artifact)
        seen[roi] = ~np.array([np.isin(names[roi], lacking.get(subject, ())) for subject in subjects[roi]])
    return Brains({}, subjects, next(iter(names.values())), None if all_seen(seen) else seen)


def find_layers(name: str, rdms: Artifact, brains: Brains) -> tuple[list[str], StoredVectors]:
    """Names (L) and RDMs (L, P) of a network's layers; raises BadInput if the brains' conditions differ."""
    roi = next(iter(brains.subjects))
    check_conditions(name, conditions(rdms), f"region {roi}", brains.conditions)
    vectors = rdms.lazy_vectors("rdm")
    return vectors.names("layer"), vectors


def layers_at_a_time(brains: Mapping[str, Artifact], bytes_per_pair: int, memory: int) -> int:
    """The number of layers to compute at a time, so that their RDMs take at most `memory` bytes.

    Parameters
    ----------
    bytes_per_pair : memory that a computation needs for each pair of conditions of one layer's RDM.
    """
    return max(1, min(MOST_LAYERS_AT_A_TIME, memory // (stimulus_pairs(brains) * bytes_per_pair)))


def stimulus_pairs(brains: Mapping[str, Artifact]) -> int:
    """The number of pairs of stimuli of brain RDMs, region -> artifact, whose conditions are the same."""
    return pair_count(len(conditions(next(iter(brains.values())))))


def read_facts(artifacts: Sequence[Artifact], table: str) -> pl.DataFrame:
    """The rows of the one artifact of `table` among a job's artifacts."""
    return facts_of(artifacts, table).rows()


def facts_of(artifacts: Sequence[Artifact], table: str) -> Artifact:
    """The one artifact of `table` among a job's artifacts."""
    [artifact] = [each for each in artifacts if each.table == table]
    return artifact


def vectors_of(artifacts: Sequence[Artifact]) -> Artifact:
    """The one artifact of vectors among a job's artifacts."""
    [artifact] = [each for each in artifacts if each.table is None]
    return artifact


def conditions(rdms: Artifact) -> list[str]:
    """The identifiers of the conditions of stored RDMs, in order."""
    return list(rdms.about["conditions"])


def unseen(rdms: Artifact) -> Mapping[str, Sequence[str]]:
    """Subject -> the conditions of stored brain RDMs that it did not see; only subjects who missed some."""
    lacking: Mapping[str, Sequence[str]] = rdms.about.get("unseen", {})
    return lacking


def check_conditions(one: str, of_one: Iterable[str], other: str, of_other: Iterable[str]) -> None:
    """Raise BadInput with the first difference unless two RDMs have the same conditions in the same order."""
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
        f"conditions of the RDMs of {one} and of {other} differ, first at position {place + 1}",
        expected=theirs[place],
        found=ours[place],
    )


def as_single(vectors: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """Stack rows as float32, the dtype of stored distributions."""
    return np.concatenate([np.atleast_2d(each) for each in vectors]).astype(np.float32, copy=False)
