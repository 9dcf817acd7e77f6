"""The voxels of a region in all subjects, predicted from the layers of networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.jobs.encoding_rows import RegionResult, SubjectResult, VoxelResult
from alignhouse.analysis.jobs.network_batches import NetworkSettings
from alignhouse.analysis.kernels.ridge import RidgeLayer, ridge_layers
from alignhouse.analysis.kernels.ridge_fits import AlphaPer, in_memory
from alignhouse.analysis.kernels.similarity import FloatArray
from alignhouse.analysis.statistics.bootstrap import (
    FEWEST_DISTINCT_STIMULI,
    STIMULI,
    SUBJECTS,
    BootstrapScores,
    resample_counts,
)
from alignhouse.analysis.statistics.encoding import (
    RegionEncoding,
    RegionVoxels,
    best_layers,
    encode_split,
    region_voxels,
    voxel_ceiling,
)
from alignhouse.analysis.statistics.encoding_bootstrap import encoding_bootstrap, resampled_medians
from alignhouse.analysis.statistics.encoding_folds import AlphaBy, encode_folds, fold_layers, refitted_null
from alignhouse.analysis.statistics.encoding_null import encoding_test, permutation_null
from alignhouse.analysis.statistics.permutation import stimulus_permutations
from alignhouse.analysis.statistics.regression import stimulus_folds
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput

Responses = NDArray[np.float32]
# Subject -> part -> split -> artifact of its betas.
Betas = Mapping[str, Mapping[str, Mapping[str, Artifact]]]


class OpenVoxels(Protocol):
    """The betas of one region of one subject, open for reading.

    absent : why there is nothing to read, or "". n_kept : V, the voxels that are read.
    """

    absent: str

    @property
    def n_kept(self) -> int: ...

    def repetitions(self, split: str) -> int: ...

    def ncsnr(self, splits: Sequence[str]) -> NDArray[Any]:
        """Noise-ceiling SNR of each voxel, over the responses in all of `splits`, (V,)."""

    def mean_responses(self, wanted: Sequence[tuple[str, str]]) -> Responses:
        """Mean over repetitions of the responses to each (split, stimulus), (n, V) float32."""


OpenRegion = Callable[
    [Sequence[Mapping[str, Artifact]], Sequence[str], float | None], AbstractContextManager[OpenVoxels]
]
"""(split -> artifact, of each part; the parts' names; min_ncsnr) -> the open betas; picklable."""


class EncodingSettings(NetworkSettings):
    """Settings of the encoding of one network.

    regions : region -> its parts. stimuli : (split, stimulus) of each condition, in order.
    train : the stimuli that fits use, if others are scored; () cross-validates over folds of all stimuli.
    alphas, alpha_by, alpha_per : see `kernels.ridge` and `statistics.encoding_folds`.
    refits : permutations where folds must be fitted again. draws, level : of the intervals.
    """

    regions: dict[str, tuple[str, ...]]
    stimuli: tuple[tuple[str, str], ...]
    train: tuple[str, ...]
    min_ncsnr: float | None
    alphas: tuple[float, ...]
    alpha_by: AlphaBy
    alpha_per: AlphaPer
    permutations: int
    refits: int
    draws: int
    level: float
    seed: int


@dataclass(frozen=True)
class FitDesign:
    """Which stimuli are fitted and which are scored; all indices are into the conditions.

    folds : (n,) of each stimulus; None if there is one split. scored : (m,). draws, seed : of the resamples.
    """

    wanted: Sequence[tuple[str, str]]
    train: NDArray[np.intp]
    scored: NDArray[np.intp]
    folds: NDArray[np.intp] | None
    draws: int
    seed: int

    @property
    def chosen_on(self) -> Literal["train", "folds"]:
        return "train" if self.folds is None else "folds"

    @cached_property
    def resamples(self) -> NDArray[np.int32] | None:
        """(B, m) how often each scored stimulus is in each resample; None over folds, and for no draws."""
        if self.folds is not None or not self.draws:
            return None
        m = len(self.scored)
        return resample_counts(m, self.draws, self.seed, STIMULI, fewest=FEWEST_DISTINCT_STIMULI)


@dataclass(frozen=True)
class SubjectVoxels:
    """Responses of the voxels of one region that vary, and their ceilings; None if noise is not known.

    responses : (n, V). ceiling : (V,). left_out : number of voxels that are constant.
    """

    name: str
    responses: Responses
    ceiling: NDArray[np.float64] | None
    left_out: int

    @property
    def positive_ceiling(self) -> NDArray[np.float64] | None:
        """The ceilings; None too if no voxel's is above 0, because scores cannot be divided by them."""
        return None if self.ceiling is None or not (self.ceiling > 0).any() else self.ceiling


def design_of(settings: EncodingSettings) -> FitDesign:
    """Which stimuli are fitted and which are scored."""
    train = set(settings.train)
    is_train = np.array([name in train for _, name in settings.stimuli])
    every = np.arange(len(settings.stimuli))
    if train:
        rows, scored, folds = every[is_train], every[~is_train], None
    else:
        rows, scored, folds = every, every, stimulus_folds(len(every), settings.seed)
    return FitDesign(settings.stimuli, rows, scored, folds, settings.draws, settings.seed)


def grams_of(rdms: Artifact) -> dict[str, FloatArray]:
    """Layer -> a matrix (n, n) that centring makes the inner products of its features.

    Parameters
    ----------
    rdms : of squared Euclidean distances. Centring removes the lengths of the rows, which these do not hold.
    """
    rows, distances = rdms.vectors("rdm")
    return dict(zip(rows["layer"].to_list(), map(_products, distances), strict=True))


def gram_of(rdms: Artifact, layer: str) -> FloatArray:
    """The matrix of one layer, as in `grams_of`; the others are not read."""
    with rdms.vector_file("rdm") as file:
        place = file.names("layer").index(layer)
        return _products(file.read(place, place + 1)[0])


def _products(distances: FloatArray) -> FloatArray:
    from scipy.spatial.distance import squareform

    products: FloatArray = -0.5 * squareform(distances)
    return products


def stored_betas(betas: Betas) -> dict[str, str]:
    """The betas among the inputs of a job."""
    return {
        f"brain/{subject}/{part}/{split}": each.artifact
        for subject, parts in betas.items()
        for part, splits in parts.items()
        for split, each in splits.items()
    }


@dataclass(frozen=True)
class NetworkLayers:
    """The layers of one network, each decomposed once for all voxels.

    fits : F lists of L, one for each fold; a single one if there is a training split.
    """

    layers: list[str]
    fits: list[list[RidgeLayer]]

    @classmethod
    def of(cls, rdms: Artifact, settings: EncodingSettings, design: FitDesign) -> NetworkLayers:
        found = grams_of(rdms)
        layers, grams = list(found), list(found.values())
        names = [f"{settings.model}, layer {layer}" for layer in layers]
        if design.folds is None:
            inner = None
            if settings.alpha_by == "folds":
                inner = stimulus_folds(len(design.train), settings.seed)
            fits = [
                ridge_layers(
                    grams, design.train, design.scored, names=names, alphas=settings.alphas, folds=inner
                )
            ]
        else:
            fits = fold_layers(
                grams,
                design.folds,
                names=names,
                alpha_by=settings.alpha_by,
                seed=settings.seed,
                alphas=settings.alphas,
            )
        return cls(layers, fits)

    def only(self, best: NDArray[np.intp]) -> list[list[RidgeLayer]]:
        """The fits of one layer: in each fold, that of layer `best`."""
        return [[fit[layer]] for fit, layer in zip(self.fits, best, strict=True)]


class RegionEncoder:
    """The voxels of one region in all subjects that have it."""

    def __init__(
        self,
        roi: str,
        parts: Sequence[str],
        settings: EncodingSettings,
        design: FitDesign,
        betas: Betas,
        open_region: OpenRegion,
        memory: int,
    ) -> None:
        self.roi, self._parts, self._settings, self._design = roi, parts, settings, design
        self._betas, self._open_region, self._memory = betas, open_region, memory
        self._splits = list(dict.fromkeys(split for split, _ in design.wanted))
        self._voxels = {name: count for name in betas if (count := self._count(name))}
        if not self._voxels:
            raise BadInput(f"encoding of region {roi}", expected="a subject who has it", found="none")
        total = 4 * len(design.wanted) * self.n_voxels
        # All networks of the call read these responses twice.
        self._held = [self._read(name) for name in self._voxels] if total <= memory // 4 else None

    def encoded(self, network: NetworkLayers) -> RegionResult:
        """Encode the region from one network: all layers, then the best one again with its tests."""
        self._check_memory(len(network.layers))
        subjects, training = [], []
        for subject in self.subjects():
            encoding = self._encoding(network.fits, subject)
            training.append(encoding.training)
            voxels = self._compared(encoding, subject)
            subjects.append(
                SubjectResult(
                    name=subject.name,
                    r=voxels.medians(normalised=False),
                    normalised=voxels.medians() if subject.positive_ceiling is not None else None,
                    training=encoding.training.mean(axis=0),
                    n_voxels=int(voxels.used.sum()),
                    n_left_out=subject.left_out + voxels.left_out,
                )
            )
            del encoding, voxels
        best = best_layers(np.stack(training))
        return self._tested(network, best, subjects)

    def _tested(
        self, network: NetworkLayers, best: NDArray[np.intp], subjects: Sequence[SubjectResult]
    ) -> RegionResult:
        settings, design = self._settings, self._design
        fits = network.only(best)
        is_normalised = any(each.normalised is not None for each in subjects)
        medians, nulls, resampled, voxels_of = [], [], [], {}
        for subject, plain in zip(self.subjects(), subjects, strict=True):
            voxels = self._compared(self._encoding(fits, subject), subject)
            voxels_of[subject.name] = VoxelResult.of(voxels, subject.ceiling)
            if is_normalised and plain.normalised is None:
                continue
            medians.append(voxels.medians())
            null = self._null(fits, voxels, subject)
            if null is not None:
                nulls.append(null)
            if design.resamples is not None:
                resampled.append(resampled_medians(voxels, design.resamples, memory=self._memory // 4))
        observed = np.stack(medians)
        test = encoding_test(observed, nulls, settings.settings.p_value) if nulls else None
        bootstrap: BootstrapScores | None = None
        if resampled:
            drawn = resample_counts(len(observed), settings.draws, settings.seed, SUBJECTS)
            bootstrap = encoding_bootstrap(observed, resampled, drawn, len(design.scored))
        return RegionResult(
            roi=self.roi,
            subjects=subjects,
            best=best,
            scores=observed[:, 0],
            is_normalised=is_normalised,
            by_chance=None if test is None else float(test.null[0].mean()),
            p_value=None if test is None else float(test.p[0]),
            permutations=0 if test is None else test.null.shape[1],
            bootstrap=bootstrap,
            voxels=voxels_of,
        )

    def _encoding(self, fits: Sequence[Sequence[RidgeLayer]], subject: SubjectVoxels) -> RegionEncoding:
        how: dict[str, Any] = {"alpha_per": self._settings.alpha_per, "memory": self._memory // 4}
        if self._design.folds is None:
            return encode_split(fits[0], in_memory(subject.responses[self._design.train]), **how)
        return encode_folds(fits, subject.responses, self._design.folds, **how)

    def _compared(self, encoding: RegionEncoding, subject: SubjectVoxels) -> RegionVoxels:
        scored = subject.responses[self._design.scored]
        return region_voxels(encoding, scored, ceiling=subject.positive_ceiling)

    def _null(
        self, fits: Sequence[Sequence[RidgeLayer]], voxels: RegionVoxels, subject: SubjectVoxels
    ) -> NDArray[np.float32] | None:
        settings, design, memory = self._settings, self._design, self._memory // 4
        if design.folds is None:
            orders = stimulus_permutations(len(design.scored), settings.permutations, settings.seed)
            return permutation_null(voxels, orders, memory=memory)
        if not settings.refits:
            return None
        orders = stimulus_permutations(len(design.scored), settings.refits, settings.seed)
        return refitted_null(
            fits,
            subject.responses,
            design.folds,
            orders,
            ceiling=subject.positive_ceiling,
            alpha_per=settings.alpha_per,
            memory=memory,
        )

    @property
    def n_voxels(self) -> int:
        """Voxels of all subjects together."""
        return sum(self._voxels.values())

    def subjects(self) -> Iterator[SubjectVoxels]:
        """The voxels of each subject in turn."""
        if self._held is not None:
            yield from self._held
        else:
            yield from (self._read(name) for name in self._voxels)

    def _read(self, name: str) -> SubjectVoxels:
        with self._opened(name) as opened:
            responses = opened.mean_responses(self._design.wanted)
            ceiling = self._ceiling(opened)
        varies = np.ones(responses.shape[1], dtype=bool)
        for rows in (self._design.train, self._design.scored):
            part = responses[rows]
            varies &= part.min(axis=0) < part.max(axis=0)
        if not varies.any():
            raise BadInput(
                f"betas of {name}, {self.roi}", expected="voxels whose responses differ", found="none"
            )
        kept = None if ceiling is None else ceiling[varies]
        return SubjectVoxels(name, responses[:, varies], kept, int(np.count_nonzero(~varies)))

    def _ceiling(self, opened: OpenVoxels) -> NDArray[np.float64] | None:
        """The ceilings of voxels; None without repetitions, since single responses do not show noise."""
        repetitions = {split: opened.repetitions(split) for split in self._splits}
        repeated = [split for split, count in repetitions.items() if count > 1]
        scored = [self._design.wanted[place][0] for place in self._design.scored]
        if not repeated:
            return None
        return voxel_ceiling(opened.ncsnr(repeated), [repetitions[split] for split in scored])

    def _count(self, name: str) -> int:
        with self._opened(name) as opened:
            return 0 if opened.absent else opened.n_kept

    def _opened(self, name: str) -> AbstractContextManager[OpenVoxels]:
        parts = [{split: self._betas[name][part][split] for split in self._splits} for part in self._parts]
        return self._open_region(parts, self._parts, self._settings.min_ncsnr)

    def _check_memory(self, n_layers: int) -> None:
        most = max(self._voxels.values())
        design = self._design
        # Responses and their copies; predictions of all layers and their standardised copy.
        needed = 4 * most * (3 * len(design.wanted) + 2 * n_layers * len(design.scored))
        if needed > self._memory:
            raise BadInput(
                f"encoding of region {self.roi}, {most:,} voxels from {n_layers} layers",
                expected=f"compute.memory of at least {4 * needed / 1e9:.1f} GB",
                found=f"too little: {self._memory / 1e9:.2f} GB for this step",
                hint="raise it, or keep fewer voxels with brain.min_ncsnr",
            )
