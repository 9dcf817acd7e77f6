"""The scores of `rsa.score_networks` for RDMs that do not fit in memory, in blocks of pairs.

One RDM at a time is read and ranked, and its ranks are kept in a temporary file. A correlation of ranks is a
sum over pairs of stimuli, and a permutation only moves pairs. So both are summed over blocks of pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignhouse.analysis.kernels.long_ranks import BYTES_A_VALUE
from alignhouse.analysis.kernels.measure_names import GRAM_MEASURES, RANK_MEASURES, Measure
from alignhouse.analysis.kernels.measures import vector_length
from alignhouse.analysis.kernels.permuted_products import (
    MOST_PAIRS_A_TILE,
    cosines_with,
    permuted_products,
)
from alignhouse.analysis.kernels.similarity import FloatArray, condition_count
from alignhouse.analysis.kernels.threads import Tick, slices, untold
from alignhouse.analysis.kernels.vectors_on_disk import LongVector, SquaresOnDisk, VectorsOnDisk, stored_type
from alignhouse.analysis.statistics.permutation import checked_permutations
from alignhouse.analysis.statistics.rsa import RoiScores, layer_labels, roi_scores, shared_length
from alignhouse.analysis.statistics.settings import AnalysisSettings
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import require_free_space
from alignhouse.warehouse.sizes import size_in_words

# A stored RDM is decoded in up to four times its size.
BYTES_TO_READ_A_PAIR = 32


class Rdms(Protocol):
    """RDMs (m, P) that are read one at a time, by iterating; arrays are of this kind, too."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __iter__(self) -> Iterator[Any]: ...


@dataclass(frozen=True)
class Room:
    """What blocks may use.

    memory : bytes, in all. folder : for temporary files; made if it is missing.
    scratch : bytes of temporary files.
    """

    memory: int
    folder: Path
    scratch: int

    def check(self, n_stimuli: int, memory: int, on_disk: int, purpose: str) -> None:
        """Make the folder; BadInput if the memory or the disk is less than these bytes."""
        if self.memory < memory:
            raise BadInput(
                f"memory to rank an RDM of {n_stimuli:,} stimuli",
                expected=f"at least {size_in_words(memory)}",
                found=size_in_words(self.memory),
                hint="raise compute.memory (--memory), or use fewer workers",
            )
        if on_disk > self.scratch:
            raise BadInput(
                f"temporary files of ranks {purpose}",
                expected=f"at most {size_in_words(self.scratch)}",
                found=size_in_words(on_disk),
                hint="raise compute.scratch (--scratch)",
            )
        hint = "free space, or lower compute.scratch (--scratch)"
        require_free_space(self.folder, on_disk, f"for ranks {purpose}", hint)
        self.folder.mkdir(parents=True, exist_ok=True)


def score_in_blocks(
    models: Mapping[str, Rdms],
    brain: Mapping[str, Rdms],
    permutations: ArrayLike,
    settings: AnalysisSettings,
    *,
    room: Room,
    layer_names: Mapping[str, Sequence[str]] | None = None,
    tick: Tick = untold,
) -> dict[str, dict[str, RoiScores]]:
    """As `rsa.score_networks`, with RDMs that are read one at a time; network -> region -> RoiScores.

    Scores are sums in double precision. Sums of nulls are in single precision within a block of pairs, and in
    double precision over blocks.

    Parameters
    ----------
    models : network -> (L, P). brain : region -> (S, P). room : see `bytes_needed` and `bytes_on_disk`.

    Raises
    ------
    BadInput : as `rsa.score_networks`; for the null `rows_only`, which ranks all RDMs again; for too little
        memory to rank one RDM, or too little space on the disk.
    """
    if settings.null != "rows_and_columns":
        raise BadInput("null of RDMs in blocks", expected="rows_and_columns", found=settings.null)
    shapes = {f"network {name}": each.shape for name, each in models.items()}
    shapes |= {f"region {roi}": each.shape for roi, each in brain.items()}
    n_pairs, measure = shared_length(shapes), settings.measure
    n_stimuli = condition_count(n_pairs)
    orders = checked_permutations(permutations, n_stimuli)
    n_layers = sum(each.shape[0] for each in models.values())
    least = bytes_needed(n_pairs, measure)
    on_disk = bytes_on_disk(n_pairs, n_layers, len(brain), measure)
    room.check(n_stimuli, least, on_disk, f"of {n_layers} layers")
    with ExitStack() as stack:
        open_vectors = _Opened(stack, room.folder, n_pairs, measure)
        layers = open_vectors.triangles(stored_type(measure))
        # The side with fewer vectors is permuted: gathering costs more than multiplying.
        moves_layers = n_layers < len(brain)
        squares = open_vectors.squares()
        for network, of_network in models.items():
            labels = layer_labels(network, of_network.shape[0], layer_names)
            for vector in _vectors(of_network, measure, labels):
                layers.append(vector.values, vector.length)
                if moves_layers:
                    squares.append(vector.values, vector.length)
        if moves_layers:
            averages = open_vectors.triangles(np.dtype(np.float32))
            rho = _scores(layers, brain, averages, measure, room.memory - least)
            null = permuted_products(averages, squares, orders, memory=room.memory // 2, tick=tick)
            null = null.swapaxes(0, 1)
        else:
            rho = _scores(layers, brain, squares, measure, room.memory - least)
            # Permuting a model by p equals permuting the brain by the inverse of p.
            inverse = np.argsort(orders, axis=1)
            null = permuted_products(layers, squares, inverse, memory=room.memory // 2, tick=tick)
    scores: dict[str, dict[str, RoiScores]] = {}
    start = 0
    for network, of_network in models.items():
        own = slice(start, start + of_network.shape[0])
        scores[network] = {
            roi: roi_scores(rho[roi][own], null[own, index], settings) for index, roi in enumerate(brain)
        }
        start = own.stop
    return scores


def bytes_needed(n_pairs: int, measure: Measure) -> int:
    """The least memory for blocks: one RDM is read and ranked, beside the average of a region.

    Raises BadInput as `stored_type` does.
    """
    n_entries = vector_length(n_pairs, measure)
    to_rank = 8 + BYTES_A_VALUE if measure in RANK_MEASURES else 8 * 5
    if measure in GRAM_MEASURES or measure == "cka_debiased":
        # The row and the column of each pair, and the effects of both.
        to_rank += 8 * 4
    # The average in double precision, the vector of the RDM before, and one that is held.
    beside = n_entries * (8 + 2 * stored_type(measure).itemsize)
    return n_pairs * max(BYTES_TO_READ_A_PAIR, to_rank) + beside


def bytes_on_disk(n_pairs: int, n_layers: int, n_regions: int, measure: Measure) -> int:
    """The size of all temporary files of a call."""
    n_entries = vector_length(n_pairs, measure)
    single = np.dtype(np.float32).itemsize
    squares = min(n_layers, n_regions) * condition_count(n_pairs) ** 2 * single
    averages = n_regions * n_entries * single if n_layers < n_regions else 0
    return n_layers * n_entries * stored_type(measure).itemsize + squares + averages


@dataclass(frozen=True)
class _Opened:
    """Temporary files that `stack` removes."""

    stack: ExitStack
    folder: Path
    n_pairs: int
    measure: Measure

    def triangles(self, dtype: np.dtype[Any]) -> VectorsOnDisk:
        n_entries = vector_length(self.n_pairs, self.measure)
        return self.stack.enter_context(VectorsOnDisk(self.folder, n_entries, dtype))

    def squares(self) -> SquaresOnDisk:
        return self.stack.enter_context(SquaresOnDisk(self.folder, condition_count(self.n_pairs)))


def _vectors(rdms: Rdms, measure: Measure, names: Sequence[str]) -> Iterator[LongVector]:
    """The vector of each RDM. `map` keeps neither an RDM nor a vector while it reads the next one."""
    return map(lambda name, rdm: LongVector.of(rdm, measure, name), names, rdms)


def _scores(
    layers: VectorsOnDisk,
    brain: Mapping[str, Rdms],
    averages: VectorsOnDisk | SquaresOnDisk,
    measure: Measure,
    memory: int,
) -> dict[str, FloatArray]:
    """Region -> (L, S) scores; the mean unit vector of each region is appended to `averages`.

    Layers are read from disk once for each group of subjects that fits in half of `memory`.
    """
    n_entries, itemsize = layers.n_entries, layers.dtype.itemsize
    most = sum(each.shape[0] for each in brain.values())
    held = np.empty((max(1, min(most, memory // 2 // (n_entries * itemsize))), n_entries), layers.dtype)
    group = _Group(layers, held, memory // 4)
    found: dict[str, FloatArray] = {}
    for roi, rdms in brain.items():
        n_subjects = rdms.shape[0]
        found[roi] = np.empty((len(layers), n_subjects))
        total = np.zeros(n_entries)
        labels = [f"region {roi}, row {row}" for row in range(n_subjects)]
        for row, vector in enumerate(_vectors(rdms, measure, labels)):
            for some in slices(n_entries, MOST_PAIRS_A_TILE):
                total[some] += vector.unit(some)
            group.add(vector, found[roi][:, row])
        total /= n_subjects
        averages.append(total)
    group.finish()
    return found


class _Group:
    """Subjects whose scores are computed together, because their layers are read from disk once."""

    def __init__(self, layers: VectorsOnDisk, held: NDArray[Any], memory: int) -> None:
        self._layers, self._held, self._memory = layers, held, memory
        self._lengths: list[float] = []
        self._out: list[FloatArray] = []

    def add(self, vector: LongVector, out: FloatArray) -> None:
        """Hold a subject's vector; its scores (L,) are written to `out`, at the latest by `finish`."""
        self._held[len(self._out)] = vector.values
        self._lengths.append(vector.length)
        self._out.append(out)
        if len(self._out) == len(self._held):
            self.finish()

    def finish(self) -> None:
        if not self._out:
            return
        held, lengths = self._held[: len(self._out)], np.array(self._lengths)
        scores = cosines_with(self._layers, held, lengths, memory=self._memory)
        for out, column in zip(self._out, scores.T, strict=True):
            out[:] = column
        self._out.clear()
        self._lengths.clear()
