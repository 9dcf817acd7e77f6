"""Jobs that store betas, one part of a region in one subject and split each, for any data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field

from alignhouse.ingest.betas.reading import AbsentRegion, BetaFile, OpenRawBetas, WithSpareStimuli, open_betas
from alignhouse.warehouse.artifacts import Artifact, hive
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.vectors import vector_batch, vector_schema

BETAS_VERSION = 2
_ADDED = ("options", "stimuli")
_NAMES = {"split": pa.string(), "stimulus": pa.string(), "repetition": pa.int32()}


class BetaSettings(JobSettings):
    """Settings of stored betas.

    version : of the data set; None if it has no versions.
    skip_bad : leave out voxels that have a NaN or infinite value.
    options, stimuli : how the files are read, and which stimuli, as in `BetaFile`.
    """

    dataset: str
    subject: str
    part: str
    split: str
    version: str | None
    skip_bad: bool
    options: dict[str, str] = Field(default_factory=dict)
    stimuli: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        # Data sets without options keep the keys that their jobs had before there were any.
        return {key: each for key, each in super().as_json().items() if key not in _ADDED or each}


@dataclass(frozen=True)
class BetasAbout:
    """What a file of betas says about itself.

    voxels : that are stored. dropped_voxels : that were left out.
    absent : why there are none, or "". spare_stimuli : that the files have and the study does not use.
    """

    voxels: int
    stimuli: int = 0
    repetitions: int = 0
    dropped_voxels: int = 0
    absent: str = ""
    spare_stimuli: int = 0

    @classmethod
    def of(cls, betas: Artifact) -> BetasAbout:
        return cls(**betas.about)


def betas_batch(
    file: BetaFile,
    sha256: Mapping[Path, str],
    dataset: str,
    version: str | None,
    split: str,
    *,
    open_raw: OpenRawBetas,
    skip_bad: bool = False,
    memory: int,
) -> Batch:
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
    settings = BetaSettings(
        dataset=dataset,
        subject=file.subject,
        part=file.part,
        split=split,
        version=version,
        skip_bad=skip_bad,
        options=dict(file.options),
        stimuli=file.stimuli,
    )
    job = Job(
        method="betas",
        version=BETAS_VERSION,
        settings=settings.as_json(),
        inputs=_inputs(file, sha256),
        label=f"{file.subject} {file.part} {split}",
    )
    batch = single(job, convert_betas, file=file, open_raw=open_raw, memory=memory)
    return replace(batch, work=(sum(path.stat().st_size for path in file.paths),))


def convert_betas(
    job: Job, reporter: Reporter, file: BetaFile, open_raw: OpenRawBetas, memory: int
) -> Iterator[Output]:
    """The file of betas; see `betas_batch`."""
    settings = BetaSettings.of(job)
    file = replace(file, options=settings.options, stimuli=settings.stimuli)
    place = settings.model_dump(include={"dataset", "subject", "part", "split"})
    folder = ("betas", *(hive(*each) for each in place.items()))
    try:
        with open_betas(open_raw, file, skip_bad=settings.skip_bad, memory=memory) as betas:
            n_stimuli, repetitions, n_voxels = betas.shape(settings.split)
            good = betas.good
            raw = betas.raw
            spare = raw.spare_stimuli(settings.split) if isinstance(raw, WithSpareStimuli) else 0
    except AbsentRegion as absent:
        about: dict[str, object] = {"voxels": 0, "absent": absent.reason}
        yield Output(folder, (vector_schema(_NAMES, "beta", 1, np.float32), []), about=about)
        return
    about = {
        "stimuli": n_stimuli,
        "repetitions": repetitions,
        "voxels": n_voxels,
        "dropped_voxels": betas.dropped,
    }
    if spare:
        about["spare_stimuli"] = spare
    schema = vector_schema(_NAMES, "beta", n_voxels, np.float32)
    reporter.doing("reading and writing betas")
    batches = _batches(schema, open_raw, file, settings.split, good, memory, reporter)
    yield Output(folder, (schema, batches), about=about, compress=False)


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
    reporter: Reporter,
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
            reporter.step(done, n_stimuli)
