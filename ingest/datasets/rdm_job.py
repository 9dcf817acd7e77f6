"""The job that stores ready brain RDMs, read from the files of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from alignhouse.ingest.betas.brain_rdms import RdmFile
from alignhouse.ingest.betas.jobs import Conditions, rdm_output
from alignhouse.ingest.rdm import n_conditions
from alignhouse.ingest.stimuli.names import match_stimuli
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.jobs import Job, Output, Tick

RDM_FILE_VERSION = 2
ReadRdms = Callable[[Path, int], RdmFile]
"""Reads a file of ready RDMs, given the number of conditions to expect.

A module-level function, so that it can be pickled. Raises BadInput for a file that is missing or damaged.
"""


def rdm_file_job(
    dataset: str,
    split: str,
    roi: str,
    path: Path,
    sha256: str,
    stimuli: Conditions,
    *,
    read: ReadRdms,
    in_stimulus_order: bool,
    average: bool,
    wanted: Sequence[str] | None = None,
) -> Job:
    """The RDMs of one region from a file, checked and stored like those computed from betas.

    Parameters
    ----------
    read : how the data set reads the file.
    in_stimulus_order : rows are in the order of the stimuli, as the user says; otherwise the file must name
        its conditions.
    wanted : these subjects only; None for all. If a file does not name its subjects, they are called sub-01,
        sub-02, ...
    """

    def work(tick: Tick) -> Iterator[Output]:
        stored = read(path, len(stimuli.names))
        if stored.conditions is not None:
            rdms = _reordered(stored.rdms, stored.conditions, stimuli.names, path)
        elif not in_stimulus_order:
            raise BadInput(
                f"{path} does not name its conditions",
                expected="an array `conditions` of stimulus names (rsatoolbox: a pattern descriptor)",
                hint='say brain.conditions = "stimulus_order" if its rows follow the names of the stimuli',
            )
        else:
            found = n_conditions(stored.rdms.shape[1])
            if found != len(stimuli.names):
                raise BadInput(
                    f"conditions of {path}", expected=f"{len(stimuli.names)}, one a stimulus", found=found
                )
            rdms = stored.rdms
        subjects = list(stored.subjects or (f"sub-{index + 1:02d}" for index in range(len(rdms))))
        chosen = _chosen(subjects, wanted, path)
        kept, rdms = [subjects[index] for index in chosen], rdms[chosen]
        # Kept in the file, since the rows of an average name no subjects.
        about = {"subjects": kept, "subjects_are_named": stored.subjects is not None}
        yield rdm_output(dataset, split, roi, kept, rdms, stimuli.names, average, {}, about)

    return Job(
        method="rdm_file",
        version=RDM_FILE_VERSION,
        settings={
            "dataset": dataset,
            "split": split,
            "roi": roi,
            "conditions": list(stimuli.names),
            "in_stimulus_order": in_stimulus_order,
            "average_subjects": average,
            "subjects": None if wanted is None else list(wanted),
        },
        inputs={path.name: sha256},
        label=f"RDMs of {roi}",
        work=work,
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
    first, second = np.triu_indices(len(order), k=1)
    low, high = np.minimum(order[first], order[second]), np.maximum(order[first], order[second])
    n = len(order)
    return rdms[:, low * n - low * (low + 1) // 2 + high - low - 1]
