"""Reads THINGS-fMRI: the voxels of a region in all trials of a person.

Responses are a pandas frame in HDF5 (format "fixed"). Of such a frame, `block0_values` has the numbers, rows
by columns. Names of columns are pickled, so they are not read, and trials are matched by their order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.ingest.arrays.hdf5 import is_group, member_of, opened_hdf5, values_of
from alignhouse.ingest.arrays.hdf5_matrix import Hdf5Array
from alignhouse.ingest.arrays.limits import check_size
from alignhouse.ingest.arrays.matrices import shape_in_words
from alignhouse.ingest.arrays.tables import read_columns
from alignhouse.ingest.betas.plans import REPETITIONS
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.sessions import ZSCORE, scale_of_sessions
from alignhouse.ingest.betas.trial_betas import TrialBetas, betas_of_trials
from alignhouse.ingest.datasets.things.layout import VOXEL, read_things_trials
from alignhouse.warehouse.errors import BadInput, some_names

_SPLITS = "stimuli have the trial_type of their trials"
_BLOCK = re.compile(r"block\d+_values")
_MOST_IDS = 2**28


@contextmanager
def open_responses(file: BetaFile, memory: int) -> Iterator[TrialBetas]:
    """Open the betas of a region in one person.

    Raises
    ------
    BadInput : a file is damaged; responses and tables differ in voxels or trials; repetitions differ, and
        `brain.repetitions` does not say what to do.
    """
    stimuli, voxels = file.also
    trials = read_things_trials(stimuli)
    table = read_columns(voxels, [VOXEL, file.part])
    if other := set(table[file.part]) - {"0", "1", "0.0", "1.0"}:
        raise BadInput(f"column {file.part} of {voxels}", expected="0 or 1", found=repr(min(other)))
    mask = np.array([float(each) == 1 for each in table[file.part]])
    label = f"betas of {file.part} of {file.subject} in {file.path}"
    with opened_hdf5(file.path) as opened:
        blocks = _blocks(opened, file.path)
        responses = _responses(blocks, (len(mask), len(trials.stimuli)), file, memory)
        _check_voxels(blocks, table[VOXEL], file.path, voxels)
        scale = partial(scale_of_sessions, trials=trials, memory=memory, label=label)
        with betas_of_trials(
            responses.of_voxels(mask),
            trials,
            file,
            repetitions=file.options.get(REPETITIONS, "all"),
            scale=scale if file.options.get(ZSCORE) == "session" else None,
            memory=memory,
            label=label,
            hint=_SPLITS,
        ) as betas:
            yield betas


def _blocks(opened: Any, path: Path) -> dict[str, Any]:
    """The datasets of the only frame of a file that hold blocks of its values, by name."""
    frames = []
    for name in opened:
        member = member_of(opened, name, path)
        if is_group(member):
            blocks = {each: member_of(member, each, path) for each in member if _BLOCK.fullmatch(each)}
            frames.append({each: block for each, block in blocks.items() if not is_group(block)})
    if len(frames) != 1 or not frames[0]:
        raise BadInput(
            f"{path} is no table of responses",
            expected="one pandas frame in format fixed: a group with block0_values",
            found=some_names(list(opened), 8) or "nothing",
        )
    return frames[0]


def _responses(blocks: dict[str, Any], shape: tuple[int, int], file: BetaFile, memory: int) -> Hdf5Array:
    found = [block for block in blocks.values() if block.dtype.kind == "f"]
    if len(found) != 1 or found[0].shape != shape:
        stimuli, voxels = file.also
        raise BadInput(
            f"responses in {file.path}",
            expected=f"{shape_in_words(shape)}, the rows of {voxels.name} by those of {stimuli.name}",
            found=" and ".join(shape_in_words(each.shape) for each in found) or "no real numbers",
        )
    [dataset] = found
    if dataset.chunks:  # HDF5 decompresses whole chunks.
        check_size(dataset.chunks, dataset.dtype.itemsize, f"a chunk of {file.path}", memory)
    return Hdf5Array(dataset)


def _check_voxels(blocks: dict[str, Any], ids: list[str], path: Path, voxels: Path) -> None:
    """Raise BadInput if the frame has voxel_id, a column of integers, in another order than the table."""
    for block in blocks.values():
        if block.dtype.kind in "iu" and block.shape == (len(ids), 1):
            numbers = values_of(block, f"voxel_id in {path}", _MOST_IDS).ravel().tolist()
            wrong = next((row for row, each in enumerate(numbers) if str(each) != ids[row]), None)
            if wrong is not None:
                raise BadInput(
                    f"voxel_id of row {wrong + 1} in {path}",
                    expected=f"{ids[wrong]}, as in {voxels}",
                    found=numbers[wrong],
                )
