"""Jobs from stored betas to the RDMs of regions and their reliability, for any data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from alignhouse.ingest.betas.brain_rdms import rdm_output
from alignhouse.ingest.betas.conditions import Conditions
from alignhouse.ingest.betas.reading import OTHER_STIMULI
from alignhouse.ingest.betas.regions import Region
from alignhouse.ingest.betas.reliability import rdm_reliability
from alignhouse.ingest.betas.stored import BrainDistance, StoredBetas, open_region
from alignhouse.ingest.rdm import RowNames, with_gaps
from alignhouse.ingest.stimuli.names import match_stimuli
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.errors import BadInput, some_names
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.tables import rows_output

RDM_VERSION = 2
RELIABILITY_VERSION = 1
StimuliOfSubjects = Literal["all", "shared", "own"]
BetasOfSubjects = Mapping[str, Mapping[str, Mapping[str, Artifact]]]
"""Subject -> part -> split -> artifact of its betas."""


class RegionSettings(JobSettings):
    """Settings of every job of one region.

    parts : of the region, in the order in which their voxels are put together.
    min_ncsnr : keep only voxels whose noise-ceiling SNR over these splits is at least this; None keeps all.
    """

    dataset: str
    roi: str
    parts: tuple[str, ...]
    splits: tuple[str, ...]
    min_ncsnr: float | None


class BrainRdmSettings(RegionSettings):
    """Settings of the RDMs of one region.

    average_subjects : one RDM, the mean of all subjects' RDMs.
    stimuli : "all": every subject has betas of exactly the conditions. "shared": of at least the conditions.
        "own": a subject's RDM is of those conditions that it has betas of.
    distance : between the patterns of two conditions.
    """

    split: str
    conditions: tuple[str, ...]
    average_subjects: bool
    stimuli: StimuliOfSubjects = "all"
    distance: BrainDistance = "correlation"

    def as_json(self) -> dict[str, Any]:
        # Keys of jobs from before these settings existed have no such fields.
        given = super().as_json()
        if self.stimuli == "all":
            del given["stimuli"]
        if self.distance == "correlation":
            del given["distance"]
        return given


class ReliabilitySettings(RegionSettings):
    """Settings of the reliability of one region."""

    remark: str


@dataclass(frozen=True)
class RegionBetas:
    """The stored betas of one region.

    betas : of every part of the region. memory : bytes that patterns may use.
    """

    dataset: str
    region: Region
    betas: BetasOfSubjects
    splits: tuple[str, ...]
    min_ncsnr: float | None
    memory: int

    @property
    def inputs(self) -> dict[str, str]:
        return {
            f"{subject}/{part}/{split}": parts[part][split].artifact
            for subject, parts in self.betas.items()
            for part in self.region.parts
            for split in self.splits
        }

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "roi": self.region.name,
            "parts": self.region.parts,
            "splits": self.splits,
            "min_ncsnr": self.min_ncsnr,
        }

    @property
    def shared(self) -> dict[str, Any]:
        """What the functions of the region's batches get: the betas of its parts alone."""
        betas = {
            subject: {part: parts[part] for part in self.region.parts}
            for subject, parts in self.betas.items()
        }
        return {"betas": betas, "memory": self.memory}

    @property
    def bytes(self) -> int:
        """Bytes of the stored betas of the region."""
        stored = (self.betas[subject][part] for subject in self.betas for part in self.region.parts)
        return sum(each.bytes for of_splits in stored for each in of_splits.values())


def brain_rdm_batch(
    region: RegionBetas,
    split: str,
    stimuli: Conditions,
    *,
    average: bool,
    of_subjects: StimuliOfSubjects = "all",
    distance: BrainDistance = "correlation",
) -> Batch:
    """The RDMs of one region from stored betas: a row per subject, or one row with their average.

    Subjects without the region have no row; the artifact records the reason for each.

    Parameters
    ----------
    of_subjects : which stimuli a subject must have betas of; see `BrainRdmSettings`.
    distance : "correlation", "cosine", "euclidean" or "squared_euclidean" of patterns averaged over
        repetitions, or "crossnobis" between repetitions; see `StoredBetas.crossnobis`.
    """
    settings = BrainRdmSettings(
        **region.settings,
        split=split,
        conditions=stimuli.names,
        average_subjects=average,
        stimuli=of_subjects,
        distance=distance,
    )
    of_distance = "" if distance == "correlation" else f", {distance}"
    job = Job(
        method="brain_rdm",
        version=RDM_VERSION,
        settings=settings.as_json(),
        inputs=region.inputs,
        label=f"RDMs of {region.region.name}{of_distance}",
    )
    batch = single(job, compute_brain_rdms, stimuli=stimuli, **region.shared)
    return replace(batch, work=(region.bytes,))


def compute_brain_rdms(
    job: Job, reporter: Reporter, stimuli: Conditions, betas: BetasOfSubjects, memory: int
) -> Iterator[Output]:
    """The RDMs; see `brain_rdm_batch`.

    Raises
    ------
    BadInput : stimuli and betas do not match, no subject has the region, or, for crossnobis, repetitions are
        too few.
    """
    settings = BrainRdmSettings.of(job)
    assert stimuli.names == settings.conditions
    rdms: dict[str, np.ndarray] = {}
    absent: dict[str, str] = {}
    unseen: dict[str, list[str]] = {}
    for subject, of_region in _of_subjects(settings, betas, reporter):
        if of_region.absent:
            absent[subject] = of_region.absent
            continue
        rdms[subject], unseen_names = _rdm_of_subject(settings, stimuli, of_region, memory, subject)
        if unseen_names:
            unseen[subject] = unseen_names
    if not rdms:
        subject, reason = next(iter(absent.items()))
        raise BadInput(f"no subject has region {settings.roi}", found=f"of {subject}: {reason}")
    yield rdm_output(
        settings.dataset,
        settings.split,
        settings.roi,
        list(rdms),
        np.stack(list(rdms.values())),
        settings.conditions,
        average=settings.average_subjects,
        distance=settings.distance,
        absent=absent,
        unseen=unseen,
    )


def _rdm_of_subject(
    settings: BrainRdmSettings,
    stimuli: Conditions,
    betas: StoredBetas,
    memory: int,
    subject: str,
) -> tuple[np.ndarray, list[str]]:
    """A subject's RDM of all conditions (P,), with NaN for pairs that it did not see; and what it did not."""
    whose = f"{subject}, {settings.roi}"
    if settings.stimuli == "all":
        for each in stimuli.splits:
            _match(stimuli.by_split[each], betas.stimuli(each), each, whose)
    wanted = [(each, name) for each in stimuli.splits for name in stimuli.by_split[each]]
    having = {each: frozenset(betas.stimuli(each)) for each in stimuli.splits}
    there = np.array([name in having[each] for each, name in wanted])
    unseen = [name for (_, name), has in zip(wanted, there, strict=True) if not has]
    if unseen and settings.stimuli != "own":
        raise BadInput(
            f"betas of {whose}",
            expected=f"all {len(wanted):,} stimuli of the study",
            found=f"none of {some_names(unseen, 4)}",
        )
    seen = [pair for pair, has in zip(wanted, there, strict=True) if has]
    rdm = betas.rdm(seen, memory, whose, settings.distance)
    return (with_gaps(rdm, there) if unseen else rdm), unseen


def reliability_batch(region: RegionBetas, remark: str) -> Batch:
    """RowNames of `region_reliability`: the reliability of one region in each subject and split."""
    job = Job(
        method="reliability",
        version=RELIABILITY_VERSION,
        settings=ReliabilitySettings(**region.settings, remark=remark).as_json(),
        inputs=region.inputs,
        label=f"reliability of {region.region.name}",
    )
    return replace(single(job, compute_reliability, **region.shared), work=(region.bytes,))


def compute_reliability(
    job: Job, reporter: Reporter, betas: BetasOfSubjects, memory: int
) -> Iterator[Output]:
    """The rows; see `reliability_batch`."""
    settings = ReliabilitySettings.of(job)
    columns: dict[str, list[object]] = {
        name: []
        for name in (
            "dataset",
            "subject",
            "roi",
            "split",
            "voxels",
            "voxels_kept",
            "repetitions",
            "ncsnr_median",
            "rdm_reliability",
            "remark",
        )
    }
    for subject, of_region in _of_subjects(settings, betas, reporter):
        for split in settings.splits if not of_region.absent else ():
            row = {
                "dataset": settings.dataset,
                "subject": subject,
                "roi": settings.roi,
                "split": split,
                "voxels": of_region.n_voxels,
                "voxels_kept": of_region.n_kept,
                "repetitions": of_region.repetitions(split),
                "ncsnr_median": _median_ncsnr(of_region, split),
                "rdm_reliability": _reliability(of_region, split, memory, f"{subject}, {settings.roi}"),
                "remark": settings.remark,
            }
            for name, value in row.items():
                columns[name].append(value)
    yield rows_output("region_reliability", columns, ("dataset", "roi", "split"))


def _of_subjects(
    settings: RegionSettings, betas: BetasOfSubjects, reporter: Reporter
) -> Iterator[tuple[str, StoredBetas]]:
    """Yield each subject and its betas of the region, which are open until the next one."""
    for done, (subject, parts) in enumerate(betas.items()):
        reporter.doing(f"reading the betas of {subject}")
        artifacts = [{split: parts[part][split] for split in settings.splits} for part in settings.parts]
        with open_region(artifacts, settings.parts, settings.min_ncsnr) as opened:
            yield subject, opened
        reporter.step(done + 1, len(betas))


def _median_ncsnr(betas: StoredBetas, split: str) -> float | None:
    # One repetition says nothing about noise.
    return float(np.median(betas.ncsnr([split]))) if betas.repetitions(split) > 1 else None


def _reliability(betas: StoredBetas, split: str, memory: int, whose: str) -> float | None:
    if betas.repetitions(split) < 2 or len(betas.stimuli(split)) < 3:
        return None
    called = RowNames(f"half of the responses of {whose}, stimulus", betas.stimuli(split))
    return rdm_reliability(betas.gram(split, memory), betas.repetitions(split), called)


def _match(found: Sequence[str], expected: Sequence[str], split: str, whose: str) -> None:
    try:
        match_stimuli(found, expected)
    except BadInput as error:
        raise BadInput(
            f"stimuli of split {split} do not match the betas of {whose}: {error}",
            hint=OTHER_STIMULI,
        ) from error
