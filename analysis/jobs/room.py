"""The rule by which statistics take whole RDMs, or blocks of their pairs: whether RDMs fit in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alignhouse.analysis.jobs.scope import (
    MOST_LAYERS_AT_A_TIME,
    Model,
    Scope,
    stimulus_pairs,
    unseen,
)
from alignhouse.analysis.kernels.measure_names import SIGN_MEASURES, Measure
from alignhouse.analysis.kernels.measures import vector_length
from alignhouse.analysis.kernels.vectors_on_disk import stored_type
from alignhouse.analysis.statistics.rsa import BYTES_A_PAIR
from alignhouse.analysis.statistics.rsa_in_blocks import Room, bytes_on_disk
from alignhouse.warehouse.artifacts import SCRATCH, Artifact

# Of a score under a permutation: its sum in double precision, and twice in single precision.
BYTES_OF_A_NULL_VALUE = 16


@dataclass(frozen=True)
class Limits:
    """What a stage may use of the machine, in bytes.

    memory : for everything of a batch. buffers : the part of it beside RDMs in memory.
    scratch : for temporary files.
    """

    memory: int
    buffers: int
    scratch: int


@dataclass(frozen=True)
class Blocks:
    """How statistics are computed in blocks: what they may use, and the most layers of a call."""

    room: Room
    most_layers: int


def blocks_if_needed(
    scope: Scope,
    models: Sequence[Model],
    brains: Mapping[str, Artifact],
    limits: Limits | None,
    *,
    permutations: int,
) -> Blocks | None:
    """How to score networks in blocks of pairs; None if whole RDMs are to be used, as for `room_if_needed`.

    The null `rows_only`, which ranks RDMs again under each permutation, always takes whole RDMs. The ranks of
    a call's layers must fit in scratch, and their nulls in a quarter of the memory.
    """
    if scope.settings.null != "rows_and_columns":
        return None
    n_layers = max((each.rdms.n_rows for each in models), default=0)
    measure = scope.settings.measure
    room = room_if_needed(measure, brains, limits, BYTES_A_PAIR * n_layers)
    if room is None:
        return None
    n_pairs = stimulus_pairs(brains)
    of_a_null = BYTES_OF_A_NULL_VALUE * len(brains) * permutations
    fitting = (
        count
        for count in range(min(MOST_LAYERS_AT_A_TIME, room.memory // 4 // of_a_null), 1, -1)
        if bytes_on_disk(n_pairs, count, len(brains), measure) <= room.scratch
    )
    return Blocks(room, next(fitting, 1))


def room_if_needed(
    measure: Measure, brains: Mapping[str, Artifact], limits: Limits | None, also: int
) -> Room | None:
    """What blocks of pairs may use; None if whole RDMs are to be used.

    Whole RDMs are used if they fit: the brain RDMs of all subjects and regions with their vectors, the mean
    of each region, what a computation holds beside them, and buffers. They are also used for subjects who saw
    different stimuli, whose RDMs have gaps, and for Kendall's tau-a, whose studies are small.

    Parameters
    ----------
    limits : None for whole RDMs, whatever their size.
    also : bytes for each pair of stimuli, beside the brains.
    """
    if limits is None or measure in SIGN_MEASURES:
        return None
    n_pairs = stimulus_pairs(brains)
    n_subjects = sum(each.n_rows for each in brains.values())
    of_an_entry = (
        stored_type(measure).itemsize * n_subjects
        + (np.dtype(np.float64).itemsize + np.dtype(np.float32).itemsize) * len(brains)
        + also
    )
    stored = n_pairs * np.dtype(np.float64).itemsize * n_subjects
    held = stored + vector_length(n_pairs, measure) * of_an_entry
    if held + limits.buffers <= limits.memory or any(unseen(each) for each in brains.values()):
        return None
    return Room(limits.memory, next(iter(brains.values())).root / SCRATCH, limits.scratch)
