"""Stored betas of a region: its parts side by side, read some stimuli at a time.

Betas are stored once for each part. V1, lV1 and lV1v are put together from the same stored parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Literal

import numpy as np

from alignhouse.ingest.betas.crossnobis import NoiseVariance, cross_gram, crossnobis_rdm
from alignhouse.ingest.betas.reliability import gram_of_responses, ncsnr
from alignhouse.ingest.inner_products import rdm_of_gram
from alignhouse.ingest.rdm import RowNames, compared, compared_in_parts
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.vectors import VectorFile

BrainDistance = Literal["correlation", "cosine", "euclidean", "squared_euclidean", "crossnobis"]
BUFFER_BYTES = 16 * 2**20
# Patterns of fewer than two voxels cannot be correlated.
FEWEST_VOXELS = 2


@contextmanager
def open_region(
    artifacts: Sequence[Mapping[str, Artifact]],
    parts: Sequence[str],
    min_ncsnr: float | None = None,
) -> Iterator[StoredBetas]:
    """Open the betas of a region in one subject.

    Parameters
    ----------
    artifacts : for each part, split -> artifact of its betas. parts : their names.
    min_ncsnr : keep only voxels whose noise-ceiling SNR, over all these splits, is at least this.
    """
    with ExitStack() as stack:
        files: list[dict[str, VectorFile]] = []
        absent = ""
        for of_part in artifacts:
            files.append({})
            for split, artifact in of_part.items():
                if artifact.n_rows == 0:
                    absent = absent or str(artifact.about["absent"])
                files[-1][split] = stack.enter_context(artifact.vector_file("beta"))
        _refuse_uneven(files, parts)
        yield StoredBetas(files, absent, min_ncsnr)


class StoredBetas:
    """Betas of one region in one subject.

    absent : why there is nothing to read, or "".
    """

    def __init__(
        self, files: Sequence[Mapping[str, VectorFile]], absent: str, min_ncsnr: float | None
    ) -> None:
        self._files, self.absent = files, absent
        self._stimuli: dict[str, list[str]] = {}
        self.n_voxels = sum(next(iter(each.values())).n_values for each in files) if not absent else 0
        self._kept: np.ndarray | None = None
        if min_ncsnr is not None and not absent:
            self._kept = self.ncsnr(list(files[0])) >= min_ncsnr
            if self.n_kept < FEWEST_VOXELS:
                self.absent = f"{self.n_kept} of {self.n_voxels} voxels reach an ncsnr of {min_ncsnr:g}"

    @property
    def n_kept(self) -> int:
        """Voxels that are read."""
        return self.n_voxels if self._kept is None else int(np.count_nonzero(self._kept))

    def stimuli(self, split: str) -> list[str]:
        """The stimuli of a split in the order of their rows."""
        if split not in self._stimuli:
            named = self._files[0][split].names("stimulus")
            self._stimuli[split] = list(dict.fromkeys(named))
        return self._stimuli[split]

    def repetitions(self, split: str) -> int:
        return self._files[0][split].n_rows // len(self.stimuli(split))

    def read(self, split: str, start: int, stop: int) -> np.ndarray:
        """Responses to stimuli `start` to `stop`, (stop - start, n_repetitions, V) float32."""
        repetitions = self.repetitions(split)
        rows = [each[split].read(start * repetitions, stop * repetitions) for each in self._files]
        responses = rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)
        if self._kept is not None:
            responses = responses[:, self._kept]
        return responses.reshape(stop - start, repetitions, -1)

    def blocks(self, split: str, buffer_bytes: int = BUFFER_BYTES) -> Iterator[np.ndarray]:
        """The responses to all stimuli of a split, in blocks (k, n_repetitions, V) of float32."""
        n = len(self.stimuli(split))
        step = self._stimuli_at_once(split, buffer_bytes)
        for start in range(0, n, step):
            yield self.read(split, start, min(n, start + step))

    def ncsnr(self, splits: Sequence[str]) -> np.ndarray:
        """Noise-ceiling SNR of each voxel that is read, (V,), over the responses in all of `splits`."""
        return ncsnr(block for split in splits for block in self.blocks(split))

    def gram(self, split: str, memory: int) -> np.ndarray:
        """Inner products of all responses of a split; see `reliability.gram_of_responses`."""
        repetitions = self.repetitions(split)
        n = len(self.stimuli(split))

        def read(start: int, stop: int) -> np.ndarray:
            rows = self.read(split, start // repetitions, stop // repetitions)
            return rows.reshape(-1, rows.shape[2])

        stimuli_at_once = max(1, self._rows_within(memory) // repetitions)
        return gram_of_responses(read, n * repetitions, min(n, stimuli_at_once) * repetitions)

    def rdm(
        self,
        wanted: Sequence[tuple[str, str]],
        memory: int,
        whose: str = "",
        distance: BrainDistance = "correlation",
    ) -> np.ndarray:
        """The RDM of the (split, stimulus) in `wanted`, in their order, (P,) float64.

        Betas are averaged over repetitions in float64, except for crossnobis. Patterns that do not fit in
        `memory` bytes are read in parts, several times. whose : subject and region, for errors.

        Raises
        ------
        BadInput : a pattern is constant or not finite; or as `crossnobis`.
        """
        if distance == "crossnobis":
            return self.crossnobis(wanted, memory, whose)
        rows = self._rows(wanted)

        def patterns(start: int, stop: int) -> np.ndarray:
            means = np.empty((stop - start, self.n_kept))
            for at, responses in self._read_rows(rows[start:stop]):
                means[at : at + len(responses)] = responses.mean(axis=1, dtype=np.float64)
            return means

        rows_at_once = self._rows_within(memory)
        called = RowNames(f"patterns of {whose or 'a region'}, stimulus", [name for _, name in wanted])
        if len(wanted) > rows_at_once:
            found = compared_in_parts(patterns, len(wanted), rows_at_once, called=called)
        else:
            found = compared(patterns(0, len(wanted)), called=called)
        if distance == "correlation":
            return found.correlation
        return rdm_of_gram(found.gram, found.means, found.width, distance)

    def mean_responses(self, wanted: Sequence[tuple[str, str]]) -> np.ndarray:
        """Mean over repetitions of the responses to each (split, stimulus) in `wanted`, (n, V) float32."""
        means = np.empty((len(wanted), self.n_kept), np.float32)
        for at, responses in self._read_rows(self._rows(wanted)):
            means[at : at + len(responses)] = responses.mean(axis=1, dtype=np.float64)
        return means

    def crossnobis(self, wanted: Sequence[tuple[str, str]], memory: int, whose: str = "") -> np.ndarray:
        """Cross-validated squared distances of the (split, stimulus) in `wanted`, (P,) float64.

        Folds are the repetitions; each voxel is divided by the standard deviation of its noise, over the
        repetitions of these stimuli. See `crossnobis.crossnobis_rdm`.

        Raises
        ------
        BadInput : fewer than 2 repetitions, other numbers of them in other splits, or a voxel without noise.
        """
        rows = self._rows(wanted)
        found = {split: self.repetitions(split) for split in dict.fromkeys(split for split, _ in wanted)}
        repetitions = min(found.values())
        if repetitions < 2 or len(set(found.values())) > 1:
            raise BadInput(
                f"crossnobis distances of {whose or 'a region'}",
                expected="the same number of repetitions of every stimulus, at least 2",
                found=", ".join(f"{count} in split {split}" for split, count in found.items()),
                hint="choose one split in brain.split, or another brain_distance",
            )
        at_once = max(1, self._rows_within(memory) // (2 * repetitions))

        def responses(start: int, stop: int) -> np.ndarray:
            values = np.empty((stop - start, repetitions, self.n_kept))
            for at, block in self._read_rows(rows[start:stop]):
                values[at : at + len(block)] = block
            return values

        noise = NoiseVariance()
        for start in range(0, len(rows), at_once):
            noise.add(responses(start, min(len(rows), start + at_once)))
        sd = np.sqrt(noise.variance(whose))
        return crossnobis_rdm(
            cross_gram(lambda start, stop: responses(start, stop) / sd, len(rows), at_once), self.n_kept
        )

    def _rows(self, wanted: Sequence[tuple[str, str]]) -> list[tuple[str, int]]:
        """The split and row of each (split, stimulus)."""
        place = {
            (split, name): row
            for split in {split for split, _ in wanted}
            for row, name in enumerate(self.stimuli(split))
        }
        return [(split, place[split, name]) for split, name in wanted]

    def _read_rows(self, rows: Sequence[tuple[str, int]]) -> Iterator[tuple[int, np.ndarray]]:
        """Index in `rows`, and responses (count, n_repetitions, V) to the stimuli from there on."""
        for split, first, at, count in _runs(rows, self._stimuli_at_once):
            yield at, self.read(split, first, first + count)

    def _stimuli_at_once(self, split: str, buffer_bytes: int = BUFFER_BYTES) -> int:
        # Computations convert to float64, eight bytes a value.
        return max(1, buffer_bytes // (8 * self.n_voxels * self.repetitions(split)))

    def _rows_within(self, memory: int) -> int:
        # Two blocks in float64, each beside the float32 rows that it was converted from.
        return max(1, memory // (2 * 12 * max(1, self.n_kept)))


def _runs(rows: Sequence[tuple[str, int]], most: Callable[[str], int]) -> Iterator[tuple[str, int, int, int]]:
    """Runs of consecutive rows of a file, as (split, first row, index in `rows`, count)."""
    at = 0
    while at < len(rows):
        split, first = rows[at]
        count, longest = 1, most(split)
        while count < longest and rows[at + count : at + count + 1] == [(split, first + count)]:
            count += 1
        yield split, first, at, count
        at += count


def _refuse_uneven(files: Sequence[Mapping[str, VectorFile]], parts: Sequence[str]) -> None:
    for split, first in files[0].items():
        for part, each in zip(parts, files, strict=True):
            if each[split].n_rows not in (0, first.n_rows) and first.n_rows:
                raise BadInput(
                    f"{split} betas of {part}",
                    expected=f"{first.n_rows:,} responses, as {parts[0]} has",
                    found=f"{each[split].n_rows:,}",
                )
