"""The job that stores ready brain RDMs, read from the files of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alignhouse.ingest.betas.brain_rdms import RdmFile, rdm_output
from alignhouse.ingest.rdm import n_conditions, reordered
from alignhouse.ingest.stimuli.names import match_stimuli
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings

RDM_FILE_VERSION = 2
ReadRdms = Callable[..., RdmFile]
"""Reads a file of ready RDMs, given its path and the number of conditions to expect.

A data set whose `options` have `rdm_form` is also given that key, `rdm_form=`, if it is set.

A module-level function, so that it can be pickled. Raises BadInput for a file that is missing or damaged.
"""


class RdmFileSettings(JobSettings):
    """Settings of the RDMs of one region from a file; see `rdm_file_batch`."""

    dataset: str
    split: str
    roi: str
    conditions: tuple[str, ...]
    in_stimulus_order: bool
    average_subjects: bool
    subjects: tuple[str, ...] | None


@dataclass(frozen=True)
class RdmFileAbout:
    """What stored RDMs say about the file that they come from.

    subjects : that were taken. subjects_are_named : by the file; else they are called sub-01, sub-02, ...
    """

    subjects: list[str]
    subjects_are_named: bool

    @classmethod
    def of(cls, rdms: Artifact) -> RdmFileAbout:
        return cls(rdms.about["subjects"], rdms.about["subjects_are_named"])


def rdm_file_batch(
    dataset: str,
    split: str,
    roi: str,
    path: Path,
    sha256: str,
    conditions: Sequence[str],
    *,
    read: ReadRdms,
    in_stimulus_order: bool,
    average: bool,
    wanted: Sequence[str] | None = None,
) -> Batch:
    """The RDMs of one region from a file, checked and stored like those computed from betas.

    Parameters
    ----------
    conditions : the stimuli, in the order of the study's RDMs.
    read : how the data set reads the file.
    in_stimulus_order : rows are in the order of the stimuli, as the user says; otherwise the file must name
        its conditions.
    wanted : these subjects only; None for all. If a file does not name its subjects, they are called sub-01,
        sub-02, ...
    """
    settings = RdmFileSettings(
        dataset=dataset,
        split=split,
        roi=roi,
        conditions=tuple(conditions),
        in_stimulus_order=in_stimulus_order,
        average_subjects=average,
        subjects=None if wanted is None else tuple(wanted),
    )
    job = Job(
        method="rdm_file",
        version=RDM_FILE_VERSION,
        settings=settings.as_json(),
        inputs={path.name: sha256},
        label=f"RDMs of {roi}",
    )
    return single(job, store_rdm_file, path=path, read=read)


def store_rdm_file(job: Job, reporter: Reporter, path: Path, read: ReadRdms) -> Iterator[Output]:
    """The stored RDMs; see `rdm_file_batch`.

    Raises
    ------
    BadInput : the file is damaged, or its conditions or subjects do not fit.
    """
    settings = RdmFileSettings.of(job)
    n = len(settings.conditions)
    stored = read(path, n)
    if stored.conditions is not None:
        rdms = _reordered(stored.rdms, stored.conditions, settings.conditions, path)
    elif not settings.in_stimulus_order:
        raise BadInput(
            f"{path} does not name its conditions",
            expected="an array `conditions` of stimulus names (rsatoolbox: a pattern descriptor)",
            hint='say brain.conditions = "stimulus_order" if its rows follow the names of the stimuli',
        )
    else:
        found = n_conditions(stored.rdms.shape[1])
        if found != n:
            raise BadInput(f"conditions of {path}", expected=f"{n}, one per stimulus", found=found)
        rdms = stored.rdms
    subjects = list(stored.subjects or (f"sub-{index + 1:02d}" for index in range(len(rdms))))
    chosen = _chosen(subjects, settings.subjects, path)
    kept, rdms = [subjects[index] for index in chosen], rdms[chosen]
    # Kept in the file, since the rows of an average name no subjects.
    about = RdmFileAbout(kept, stored.subjects is not None)
    yield rdm_output(
        settings.dataset,
        settings.split,
        settings.roi,
        kept,
        rdms,
        settings.conditions,
        average=settings.average_subjects,
        absent={},
        also=vars(about),
    )


def _chosen(subjects: Sequence[str], wanted: Sequence[str] | None, path: Path) -> list[int]:
    """The rows of the wanted subjects, in the order of the file."""
    for subject in wanted or ():
        if subject not in subjects:
            raise BadInput(f"there is no subject {subject} in {path}", hint=near_names(subject, subjects))
    return [index for index, subject in enumerate(subjects) if wanted is None or subject in wanted]


def _reordered(rdms: np.ndarray, rows: Sequence[str], wanted: Sequence[str], path: Path) -> np.ndarray:
    """Condensed RDMs (S, P) with their conditions reordered from `rows` to `wanted`."""
    try:
        match_stimuli(wanted, sorted(rows))
    except BadInput as error:
        raise BadInput(f"stimuli do not match the conditions of {path}: {error}") from error
    place = {name: index for index, name in enumerate(rows)}
    order = np.array([place[name] for name in wanted])
    return reordered(rdms, len(rows), order)
