"""Reads the prepared betas of NSD: the voxels of a region in all sessions of a person, joined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alignhouse.ingest.arrays.hdf5 import is_group, member_of, opened_hdf5
from alignhouse.ingest.arrays.hdf5_matrix import Hdf5Array
from alignhouse.ingest.arrays.joined import JoinedRows
from alignhouse.ingest.arrays.limits import check_size
from alignhouse.ingest.arrays.matrices import Matrix, shape_in_words
from alignhouse.ingest.arrays.nifti import read_volume, volumes_of
from alignhouse.ingest.betas.plans import REPETITIONS
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.sessions import ZSCORE, SessionScale, scale_of_sessions
from alignhouse.ingest.betas.trial_betas import Scale, TrialBetas, betas_of_trials
from alignhouse.ingest.datasets.nsd.design import TRIALS_OF_SESSION, read_design
from alignhouse.ingest.datasets.nsd.layout import DESIGN, LABELS, VOLUMES, session_number, subject_number
from alignhouse.ingest.datasets.nsd.regions import label_of
from alignhouse.warehouse.errors import BadInput, some_names

PER_PERCENT = 300
"""Stored betas are percent signal change times this."""
_DATASET = "betas"
_SPLITS = "images that all subjects were to see are of split test, others of split train"


@contextmanager
def open_session_betas(file: BetaFile, memory: int) -> Iterator[TrialBetas]:
    """Open the betas of a region in one person, of all sessions that there are.

    Raises
    ------
    BadInput : a file is damaged; betas and region differ in their space; repetitions differ, and
        `brain.repetitions` does not say what to do.
    """
    paths = {number: path for path in file.paths if (number := session_number(path)) is not None}
    others = [path for path in file.paths if session_number(path) is None]
    [design_path] = [path for path in others if path.name == Path(DESIGN).name]
    [volume] = [path for path in others if path.name.endswith(VOLUMES)]
    labels = next((path for path in others if path.name.endswith(LABELS)), None)
    design = read_design(design_path)
    number = subject_number(file.subject)
    if number > len(design.images) or max(paths) > design.n_sessions:
        raise BadInput(
            f"session {max(paths)} of {file.subject}",
            expected=f"{len(design.images)} subjects, {design.n_sessions} sessions, as in {design_path}",
        )
    trials = design.trials(number, list(paths))
    mask = read_volume(volume) == label_of(file.part, labels)
    label = f"betas of {file.part} of {file.subject}"

    def scale(matrix: Matrix) -> Scale:
        sessions = scale_of_sessions(matrix, trials, memory, label)
        return sessions if file.options.get(ZSCORE) == "session" else PercentChange(sessions)

    with ExitStack() as stack:
        matrix = JoinedRows(
            [stack.enter_context(_session(path, mask, volume, memory)) for path in paths.values()]
        )
        repetitions = file.options.get(REPETITIONS, "all")
        yield stack.enter_context(
            betas_of_trials(
                matrix,
                trials,
                file,
                repetitions=repetitions,
                scale=scale,
                memory=memory,
                label=label,
                hint=_SPLITS,
            )
        )


@dataclass(frozen=True)
class PercentChange:
    """Betas as percent signal change; NaN where a voxel is constant in a session, so has no data there.

    The makers write zeros for voxels that were outside of the imaged volume in a session.
    """

    sessions: SessionScale

    def scaled(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        percent = values.astype(np.float64) / PER_PERCENT
        percent[np.isnan(self.sessions.deviation[self.sessions.session[rows]])] = np.nan
        return percent


@contextmanager
def _session(path: Path, mask: np.ndarray, volume: Path, memory: int) -> Iterator[Matrix]:
    """The voxels of a mask in the trials of one session, (750, V) int16."""
    if path.name.endswith(VOLUMES):
        matrix: Matrix = volumes_of(path, mask)
        _check(path, matrix.dtype, matrix.shape[0])
        yield matrix
        return
    with opened_hdf5(path) as opened:
        names = list(opened)  # does not follow links
        dataset = member_of(opened, _DATASET, path) if _DATASET in names else None
        if dataset is None or is_group(dataset):
            raise BadInput(
                f"{path} has no betas",
                expected=f"an array {_DATASET}",
                found=some_names(names, 8) or "nothing",
            )
        if dataset.chunks:  # HDF5 decompresses whole chunks.
            check_size(dataset.chunks, dataset.dtype.itemsize, f"a chunk of {path}", memory)
        stored = Hdf5Array(dataset, is_reversed=True)
        *space, n_trials = stored.shape
        if tuple(space) != mask.shape:
            raise BadInput(
                f"betas in {path}, and regions in {volume}",
                expected=f"betas of the regions' shape, {shape_in_words(mask.shape)}, for each trial",
                found=f"shape {shape_in_words(stored.shape)}",
                hint="both must be of the same subject, in space func1pt8mm",
            )
        _check(path, stored.dtype, n_trials)
        yield stored.of_voxels(mask)


def _check(path: Path, dtype: np.dtype, n_trials: int) -> None:
    if n_trials != TRIALS_OF_SESSION or dtype.kind != "i" or dtype.itemsize != 2:
        raise BadInput(
            f"betas in {path}",
            expected=f"{TRIALS_OF_SESSION} trials of int16, percent signal change times {PER_PERCENT}",
            found=f"{n_trials} of {dtype}",
        )
