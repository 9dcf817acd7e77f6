"""Jobs that store betas, brain RDMs and the reliability of regions, for any data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from alignhouse.ingest.betas.brain_rdms import average_subjects
from alignhouse.ingest.betas.reading import AbsentRegion, BetaFile, OpenRawBetas, open_betas
from alignhouse.ingest.betas.regions import Region
from alignhouse.ingest.betas.reliability import rdm_reliability
from alignhouse.ingest.betas.stored import StoredBetas, open_region
from alignhouse.ingest.stimuli.names import match_stimuli
from alignhouse.warehouse.artifacts import Artifact, hive
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output, Tick
from alignhouse.warehouse.vectors import vector_batch, vector_schema, vector_table

BETAS_VERSION = 2
RDM_VERSION = 2
RELIABILITY_VERSION = 1
AVERAGE = "average"
RDM_METHOD = "1 - Pearson"


@dataclass(frozen=True)
class Conditions:
    """The conditions of a study's RDMs: its stimuli by split, splits in the order of the data set."""

    by_split: Mapping[str, tuple[str, ...]]

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(self.by_split)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for split in self.splits for name in self.by_split[split])


@dataclass(frozen=True)
class RegionJobs:
    """What the jobs of one region share.

    betas : subject -> part -> split -> artifact of its betas, for every part of the region.
    min_ncsnr : keep only voxels whose noise-ceiling SNR over these splits is at least this; None keeps all.
    memory : bytes that patterns may use.
    """

    root: Path
    dataset: str
    region: Region
    betas: Mapping[str, Mapping[str, Mapping[str, Artifact]]]
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

    def settings(self) -> dict[str, object]:
        return {
            "dataset": self.dataset,
            "roi": self.region.name,
            "parts": list(self.region.parts),
            "splits": list(self.splits),
            "min_ncsnr": self.min_ncsnr,
        }

    def of_subjects(self, tick: Tick) -> Iterator[tuple[str, StoredBetas]]:
        """Yield each subject and its betas of the region, which are open until the next one."""
        for done, (subject, parts) in enumerate(self.betas.items()):
            artifacts = [{split: parts[part][split] for split in self.splits} for part in self.region.parts]
            with open_region(self.root, artifacts, self.region.parts, self.min_ncsnr) as betas:
                yield subject, betas
            tick(done + 1, len(self.betas))


def betas_job(
    file: BetaFile,
    sha256: Mapping[Path, str],
    dataset: str,
    version: str | None,
    split: str,
    *,
    open_raw: OpenRawBetas,
    skip_bad: bool = False,
    memory: int,
) -> Job:
    """The betas of one part of a region in one subject and split, float32, a row per stimulus and repetition.

    A part without voxels gives a file without rows, which records that it is absent.

    Parameters
    ----------
    sha256 : path -> content hash, for every path of `file`.
    version : of the betas; None if the data set has no versions.
    open_raw : how the data set opens its files.
    skip_bad : leave out voxels that have a NaN or infinite value; the artifact records how many.
    memory : bytes that may be used.
    """

    def work(tick: Tick) -> Iterator[Output]:
        folder = ("betas", *(hive(*each) for each in names.items()))
        about: dict[str, object]
        try:
            with open_betas(open_raw, file, skip_bad=skip_bad, memory=memory) as betas:
                n_stimuli, repetitions, n_voxels = betas.shape(split)
                good = betas.good
        except AbsentRegion as absent:
            about = {"voxels": 0, "absent": absent.reason}
            yield Output(folder, (vector_schema(_NAMES, "beta", 1, np.float32), []), about=about)
            return
        about = {
            "stimuli": n_stimuli,
            "repetitions": repetitions,
            "voxels": n_voxels,
            "dropped_voxels": betas.dropped,
        }
        schema = vector_schema(_NAMES, "beta", n_voxels, np.float32)
        batches = _batches(schema, open_raw, file, split, good, memory, tick)
        yield Output(folder, (schema, batches), about=about, compress=False)

    names = {"dataset": dataset, "subject": file.subject, "part": file.part, "split": split}
    return Job(
        method="betas",
        version=BETAS_VERSION,
        settings={**names, "version": version, "skip_bad": skip_bad},
        inputs=_inputs(file, sha256),
        label=f"{file.subject} {file.part} {split}",
        work=work,
    )


_NAMES = {"split": pa.string(), "stimulus": pa.string(), "repetition": pa.int32()}


def _inputs(file: BetaFile, sha256: Mapping[Path, str]) -> dict[str, str]:
    """File name -> hash; names are numbered if several files share one."""
    names = [path.name for path in file.paths]
    if len(set(names)) < len(names):
        names = [f"{number}/{name}" for number, name in enumerate(names, start=1)]
    return {name: sha256[path] for name, path in zip(names, file.paths, strict=True)}


def _batches(
    schema: pa.Schema,
    open_raw: OpenRawBetas,
    file: BetaFile,
    split: str,
    good: np.ndarray | None,
    memory: int,
    tick: Tick,
) -> Iterator[pa.RecordBatch]:
    """The betas, block by block. Opens the file again: batches are read only when the output is written."""
    with open_betas(open_raw, file, memory=memory) as opened:
        betas = replace(opened, good=good)
        n_stimuli, repetitions, n_voxels = betas.shape(split)
        stimuli = betas.raw.stimuli(split)
        done = 0
        for block in betas.blocks(split):
            names: dict[str, Sequence[object]] = {
                "split": [split] * (len(block) * repetitions),
                "stimulus": [name for name in stimuli[done : done + len(block)] for _ in range(repetitions)],
                "repetition": list(range(1, repetitions + 1)) * len(block),
            }
            yield vector_batch(schema, names, block.reshape(-1, n_voxels))
            done += len(block)
            tick(done, n_stimuli)


def brain_rdm_job(region: RegionJobs, split: str, stimuli: Conditions, *, average: bool) -> Job:
    """The RDMs of one region from stored betas: a row per subject, or one row with their average.

    Subjects without the region have no row; the artifact records the reason for each.
    """

    def work(tick: Tick) -> Iterator[Output]:
        rdms: dict[str, np.ndarray] = {}
        absent: dict[str, str] = {}
        for subject, betas in region.of_subjects(tick):
            if betas.absent:
                absent[subject] = betas.absent
                continue
            for each in stimuli.splits:
                _match(stimuli.by_split[each], betas.stimuli(each), each, f"{subject}, {region.region.name}")
            wanted = [(each, name) for each in stimuli.splits for name in stimuli.by_split[each]]
            rdms[subject] = betas.rdm(wanted, region.memory)
        if not rdms:
            subject, reason = next(iter(absent.items()))
            raise BadInput(f"no subject has region {region.region.name}", found=f"of {subject}: {reason}")
        stack = np.stack(list(rdms.values()))
        roi = region.region.name
        yield rdm_output(region.dataset, split, roi, list(rdms), stack, stimuli.names, average, absent)

    return Job(
        method="brain_rdm",
        version=RDM_VERSION,
        settings={
            **region.settings(),
            "split": split,
            "conditions": list(stimuli.names),
            "average_subjects": average,
        },
        inputs=region.inputs,
        label=f"RDMs of {region.region.name}",
        work=work,
    )


def reliability_job(region: RegionJobs, remark: str) -> Job:
    """Rows of `region_reliability`: the reliability of one region in each subject and split."""

    def work(tick: Tick) -> Iterator[Output]:
        rows: list[dict[str, object]] = []
        for subject, betas in region.of_subjects(tick):
            for split in region.splits if not betas.absent else ():
                rows.append(
                    {
                        "dataset": region.dataset,
                        "subject": subject,
                        "roi": region.region.name,
                        "split": split,
                        "voxels": betas.n_voxels,
                        "voxels_kept": betas.n_kept,
                        "repetitions": betas.repetitions(split),
                        "ncsnr_median": float(np.median(betas.ncsnr([split]))),
                        "rdm_reliability": _reliability(betas, split, region.memory),
                        "remark": remark,
                    }
                )
        table = pa.Table.from_pylist(rows, _RELIABILITY)
        folder = ("facts", hive("table", "region_reliability"))
        yield Output(folder, table, table="region_reliability", slot=("dataset", "roi", "split"))

    return Job(
        method="reliability",
        version=RELIABILITY_VERSION,
        settings={**region.settings(), "remark": remark},
        inputs=region.inputs,
        label=f"reliability of {region.region.name}",
        work=work,
    )


_RELIABILITY = pa.schema(
    {
        **dict.fromkeys(("dataset", "subject", "roi", "split"), pa.string()),
        **dict.fromkeys(("voxels", "voxels_kept", "repetitions"), pa.int32()),
        **dict.fromkeys(("ncsnr_median", "rdm_reliability"), pa.float64()),
        "remark": pa.string(),
    }
)


def _reliability(betas: StoredBetas, split: str, memory: int) -> float | None:
    if betas.repetitions(split) < 2 or len(betas.stimuli(split)) < 3:
        return None
    return rdm_reliability(betas.gram(split, memory), betas.repetitions(split))


def rdm_output(
    dataset: str,
    split: str,
    roi: str,
    subjects: list[str],
    rdms: np.ndarray,
    conditions: Sequence[str],
    average: bool,
    absent: Mapping[str, str],
    also: Mapping[str, object] | None = None,
) -> Output:
    """The file of a region's RDMs (S, P), or of their average.

    absent : subject -> why it has no such region. also : further facts to keep in the file.
    """
    if average:
        subjects, rdms = [AVERAGE], average_subjects(rdms)[np.newaxis]
    table = vector_table({"roi": [roi] * len(subjects), "subject": subjects}, "rdm", rdms)
    folder = ("rdms", "kind=brain", hive("dataset", dataset), hive("split", split), hive("roi", roi))
    about = {"conditions": list(conditions), "distance": RDM_METHOD, "absent": dict(absent), **(also or {})}
    return Output(folder, table, about=about)


def _match(found: Sequence[str], expected: Sequence[str], split: str, whose: str) -> None:
    try:
        match_stimuli(found, expected)
    except BadInput as error:
        raise BadInput(f"stimuli of split {split} do not match the betas of {whose}: {error}") from error
