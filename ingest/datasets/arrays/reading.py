"""Reads a lab's own betas: trials in any order in a file become stimuli and repetitions, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np

from alignhouse.ingest.arrays.contents import FileContent, open_content
from alignhouse.ingest.arrays.hdf5_matrix import Hdf5Array
from alignhouse.ingest.arrays.matrices import (
    Matrix,
    StoredValues,
    real_numbers,
    shape_in_words,
    take,
)
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.sessions import scale_of_sessions
from alignhouse.ingest.betas.trial_betas import TrialBetas, betas_of_trials
from alignhouse.ingest.betas.trials import Trials
from alignhouse.ingest.datasets.arrays.options import Options
from alignhouse.ingest.datasets.arrays.trials import (
    LIST_NAMES,
    is_trial_file,
    no_trials,
    read_trials,
    trials_in_file,
)
from alignhouse.ingest.datasets.arrays.volumes import mask_of
from alignhouse.ingest.rdm import TOLERANCE
from alignhouse.warehouse.errors import BadInput, near_names, some_names

GLMSINGLE_ARRAYS = ("betasmd", "modelmd")
"""What GLMsingle calls its betas, in Python and in MATLAB."""
_USUAL_NAMES = ("betas", "beta", "responses", *GLMSINGLE_ARRAYS)
_SPLITS = "stimuli have the splits of the column split; without one, all are of split test"
# This many rows of a square array tell an RDM from betas.
_ROWS_TO_TELL = 64


@contextmanager
def open_array_betas(file: BetaFile, memory: int) -> Iterator[TrialBetas]:
    """Open the betas of a region in one person.

    Raises
    ------
    BadInput : the file is damaged; its shape and the names of its trials do not fit; repetitions differ, and
        no key says what to do; the array is an RDM.
    """
    options = Options.of(file.options)
    volumes = [path for path in file.also if not is_trial_file(path)]
    whose = f"{file.part} of {file.subject}"
    with open_content(file.path, LIST_NAMES, memory) as content:
        trials = _trials(content, file, options)
        if volumes:
            matrix = _of_volume(content, file, trials, mask_of(file.part, volumes))
        else:
            matrix = _matrix(content, file, trials, options)
        if not real_numbers(matrix.dtype):
            raise BadInput(f"{whose} in {file.path}", expected="real numbers", found=f"dtype {matrix.dtype}")
        label = f"betas of {whose} in {file.path}"
        scale = partial(scale_of_sessions, trials=trials, memory=memory, label=label)
        zscores = options.zscore == "session"
        with betas_of_trials(
            matrix,
            trials,
            file,
            repetitions=options.repetitions,
            scale=scale if zscores else None,
            memory=memory,
            label=label,
            hint=_SPLITS,
        ) as betas:
            yield betas


def array_of_region(content: FileContent, part: str) -> StoredValues:
    """The array of a region: named after it, or the only one, or the one that is called betas.

    Raises
    ------
    BadInput : none or several could be it.
    """
    arrays = content.arrays
    if part in arrays:
        return arrays[part]
    usual = [name for name in arrays if name.lower() in _USUAL_NAMES]
    if len(arrays) == 1 or len(usual) == 1:
        return arrays[usual[0] if usual else next(iter(arrays))]
    found = ", ".join([*arrays, *(f"{name} ({what})" for name, what in content.others.items())])
    raise BadInput(
        f"{content.path} does not say which array has the betas of {part}",
        expected=f"one array of numbers, or one called {part} or betas",
        found=found or "none",
    )


def _trials(content: FileContent, file: BetaFile, options: Options) -> Trials:
    beside = read_trials([path for path in file.also if is_trial_file(path)], options.stimulus_column)
    inside = trials_in_file(content.lists, file.path)
    if inside is None and beside is None:
        raise no_trials(file.path)
    if inside is None or beside is None:
        found = inside or beside
        assert found is not None
        return found
    pairs = zip(inside.stimuli, beside.stimuli, strict=False)
    for row, (one, other) in enumerate(pairs, start=1):
        if one != other:
            raise BadInput(
                f"row {row} of {file.path}", expected=f"stimulus {other}, as {beside.source} says", found=one
            )
    if len(inside.stimuli) != len(beside.stimuli):
        raise BadInput(
            f"stimuli of {file.path}",
            expected=f"{len(beside.stimuli)}, as {beside.source} says",
            found=len(inside.stimuli),
        )
    return beside if inside.sessions is None else inside


def _matrix(content: FileContent, file: BetaFile, trials: Trials, options: Options) -> Matrix:
    stored = array_of_region(content, file.part)
    label, shape, n_trials = f"{file.part} in {file.path}", stored.shape, len(trials.stimuli)
    if len(shape) != 2:
        raise BadInput(
            label,
            expected="betas (rows, voxels), a row for each stimulus or trial",
            found=f"shape {shape_in_words(shape)}",
            hint="save repetitions as rows of their own",
        )
    if options.axis is None and shape[0] == shape[1] == n_trials:
        _refuse_rdm(stored.matrix(transposed=False), label)
        raise BadInput(
            f"{label} does not say which axis has the stimuli",
            expected='brain.axis = "rows" or "columns"',
            found=f"shape {shape_in_words(shape)}",
        )
    along = 1 if options.axis == "columns" else 0
    if shape[along] != n_trials:
        hint = None
        if options.axis is None and shape[1] == n_trials:
            hint = 'say brain.axis = "columns" if a column is a stimulus'
        raise BadInput(
            label,
            expected=f"{n_trials} {'columns' if along else 'rows'}, the stimuli of {trials.source}",
            found=f"shape {shape_in_words(shape)}",
            hint=hint,
        )
    matrix = stored.matrix(transposed=along == 1)
    if shape[0] == shape[1]:
        _refuse_rdm(matrix, label)
    return matrix


def _of_volume(content: FileContent, file: BetaFile, trials: Trials, mask: np.ndarray) -> Matrix:
    """The voxels of a mask in the betas of GLMsingle, (X, Y, Z, trials)."""
    named = [name for name in GLMSINGLE_ARRAYS if name in content.arrays]
    if len(named) != 1:
        raise BadInput(
            f"{file.path} has no betas of GLMsingle",
            expected=" or ".join(GLMSINGLE_ARRAYS),
            found=some_names(content.arrays, 8) or "no arrays",
            hint=None if named else near_names(GLMSINGLE_ARRAYS[0], content.arrays),
        )
    stored = content.arrays[named[0]]
    label = f"{named[0]} in {file.path}"
    if not isinstance(stored, Hdf5Array):
        raise BadInput(label, expected="HDF5 or .mat v7.3", hint="save it in MATLAB with save(..., '-v7.3')")
    *space, n_trials = stored.shape
    if tuple(space) != mask.shape and _without_ones(space) != _without_ones(mask.shape):
        raise BadInput(
            f"{label} and the volume of {file.part} differ",
            expected=f"betas (X, Y, Z, trials) of the volume's shape, {shape_in_words(mask.shape)}",
            found=f"shape {shape_in_words(stored.shape)}",
            hint="save betas and masks in one space; for betas (voxels, trials), save a file for each region",
        )
    if n_trials != len(trials.stimuli):
        raise BadInput(
            label, expected=f"{len(trials.stimuli)} trials, as in {trials.source}", found=f"{n_trials}"
        )
    return stored.of_voxels(mask.reshape(space))


def _without_ones(shape: Sequence[int]) -> list[int]:
    return [length for length in shape if length != 1]


def _refuse_rdm(matrix: Matrix, label: str) -> None:
    """Raise BadInput if a square array is symmetric and zero on the diagonal, as no betas are."""
    few = min(_ROWS_TO_TELL, matrix.shape[0])
    corner = take(matrix, np.arange(few))[:, :few].astype(np.float64)
    tolerance = TOLERANCE * max(1.0, float(np.nanmax(np.abs(corner), initial=0.0)))
    is_symmetric = np.allclose(corner, corner.T, rtol=0, atol=tolerance)
    if few > 1 and is_symmetric and (np.abs(np.diagonal(corner)) <= tolerance).all():
        raise BadInput(
            f"{label} is an RDM",
            expected="betas (rows, voxels)",
            found="a symmetric array with zeros on the diagonal",
            hint='for ready RDMs, say brain.kind = "rdms"',
        )
