"""The job that takes over brain RDMs which another lab computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ingest.brain.jobs import Conditions, rdm_output
from ingest.brain.rdm_files import read_rdm_file
from ingest.rdm import n_conditions
from ingest.stimuli.names import match_stimuli
from warehouse.errors import BadInput
from warehouse.jobs import Job, Output, Tick

RDM_FILE_VERSION = 1


def rdm_file_job(
    dataset: str,
    split: str,
    roi: str,
    path: Path,
    sha256: str,
    stimuli: Conditions,
    *,
    in_stimulus_order: bool,
    average: bool,
) -> Job:
    """The RDMs of one region from another lab's file, checked and stored like our own.

    Parameters
    ----------
    in_stimulus_order : the user says that the rows follow the stimuli's names; else the file names them.
    """

    def work(tick: Tick) -> Iterator[Output]:
        stored = read_rdm_file(path)
        if stored.conditions is not None:
            rdms = _reordered(stored.rdms, stored.conditions, stimuli.names, path)
        elif not in_stimulus_order:
            raise BadInput(
                f"{path} does not name its conditions",
                expected="an array `conditions` of stimulus names",
                hint='say brain.conditions = "stimulus_order" if its rows follow the names of the stimuli',
            )
        else:
            found = n_conditions(stored.rdms.shape[1])
            if found != len(stimuli.names):
                raise BadInput(
                    f"conditions of {path}", expected=f"{len(stimuli.names)}, one a stimulus", found=found
                )
            rdms = stored.rdms
        subjects = [f"sub-{index + 1:02d}" for index in range(len(rdms))]
        yield rdm_output(dataset, split, roi, subjects, rdms, stimuli.names, average, {})

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
        },
        inputs={path.name: sha256},
        label=f"RDMs of {roi}",
        work=work,
    )


def _reordered(rdms: np.ndarray, rows: Sequence[str], wanted: Sequence[str], path: Path) -> np.ndarray:
    """Condensed RDMs (S, P) with their conditions brought from the order `rows` into the order `wanted`."""
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
