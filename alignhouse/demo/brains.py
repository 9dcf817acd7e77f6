"""Simulated betas: the responses of each region of each subject to the clips, and their pickle files."""

from __future__ import annotations

import csv
import os
import pickle
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.demo.clips import Clip, random_stream
from alignhouse.demo.features import FAMILIES, GRID, Array, FeatureSpaces
from alignhouse.warehouse.errors import BadInput, near_names

REGION_MIX_FILE = Path(__file__).with_name("region_mix.csv")

TRAIN_REPETITIONS, TEST_REPETITIONS = 3, 10
"""Repetitions of each video in the real data set."""

HEMISPHERES = ("l", "r")

UNNAMED_DIMENSIONS = 12
"""Dimensions of the responses that no measured feature explains."""

SHARED_NOISE, SHARED_NOISE_DIMENSIONS = 0.3, 4
"""Share of the noise variance that neighbouring voxels share, and its rank."""

ABSENT_MODULE = "prepared_masks_of_the_scanner.images"
"""A module that does not exist: the real pickles also name classes of modules that a reader may lack."""


@dataclass(frozen=True)
class RegionMix:
    """How one region responds: shares of its signal's variance, and its noise.

    low, mid, motion, category : shares that each family of features explains.
    other : share that depends on the clip but on no feature; the same in all subjects.
    own : share that depends on the clip in this subject only. The six shares sum to one.
    prefers, preference : categories with stronger responses, and how much stronger.
    spread : share of the mapping from features to voxels that is specific to each subject.
    noise : standard deviation of one repetition; that of the signal is one.
    """

    region: str
    voxels_left: int
    voxels_right: int
    visual_field: str
    low: float
    mid: float
    motion: float
    category: float
    other: float
    own: float
    prefers: tuple[str, ...]
    preference: float
    spread: float
    noise: float

    def voxels(self, hemisphere: str) -> int:
        """Number of voxels in hemisphere "l" or "r"; the same in every subject."""
        return self.voxels_left if hemisphere == "l" else self.voxels_right


def load_region_mix(path: Path = REGION_MIX_FILE, categories: Sequence[str] = ()) -> tuple[RegionMix, ...]:
    """The regions of a CSV file whose columns are the fields of RegionMix; `prefers` is separated by "|".

    Raises BadInput, naming the region, if its shares do not sum to one, its visual field is not upper, lower
    or full, or it prefers a category that is not in `categories` (if given).
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    mixes = []
    for row in rows:
        where = f"region {row['region']!r} in {path.name}"
        prefers = tuple(name for name in row["prefers"].split("|") if name)
        numbers = {
            name: float(row[name]) for name in (*FAMILIES, "other", "own", "preference", "spread", "noise")
        }
        mix = RegionMix(
            region=row["region"],
            voxels_left=int(row["voxels_left"]),
            voxels_right=int(row["voxels_right"]),
            visual_field=row["visual_field"],
            prefers=prefers,
            **numbers,
        )
        total = sum(numbers[name] for name in (*FAMILIES, "other", "own"))
        if abs(total - 1) > 1e-9:
            raise BadInput(f"shares of {where}", expected="a sum of 1", found=round(total, 6))
        if mix.visual_field not in ("upper", "lower", "full"):
            raise BadInput(
                f"visual field of {where}", expected="upper, lower or full", found=mix.visual_field
            )
        for name in prefers if categories else ():
            if name not in categories:
                raise BadInput(f"preference of {where}", found=name, hint=near_names(name, categories))
        mixes.append(mix)
    return tuple(mixes)


def part_names(mixes: Sequence[RegionMix]) -> list[tuple[str, RegionMix, str]]:
    """(part, region, hemisphere) of every region file of a subject: lV1v, rV1v, ..."""
    return [(hemisphere + mix.region, mix, hemisphere) for mix in mixes for hemisphere in HEMISPHERES]


def simulate_part(
    mix: RegionMix,
    hemisphere: str,
    subject: str,
    features: FeatureSpaces,
    clips: Sequence[Clip],
    categories: Sequence[str],
    seed: int,
) -> tuple[Array, Array]:
    """Betas of one part in one subject, float64, z-scored with each voxel's training mean and deviation.

    `features` and `clips` have the same order. Returns training (n_train, 3, voxels) and test
    (n_test, 10, voxels) betas, with videos in the order of `clips`.
    """
    signal = _signal(mix, hemisphere, subject, features, clips, categories, seed)
    is_test = np.array([clip.split == "test" for clip in clips])
    rng = random_stream(seed, "noise", subject, hemisphere, mix.region)
    mixing = rng.standard_normal((SHARED_NOISE_DIMENSIONS, signal.shape[1])) / np.sqrt(
        SHARED_NOISE_DIMENSIONS
    )

    def repeated(answers: Array, repetitions: int) -> Array:
        shape = (len(answers), repetitions)
        alone = rng.standard_normal((*shape, signal.shape[1]))
        together = rng.standard_normal((*shape, SHARED_NOISE_DIMENSIONS)) @ mixing
        noise = np.sqrt(1 - SHARED_NOISE) * alone + np.sqrt(SHARED_NOISE) * together
        return answers[:, None, :] + mix.noise * noise

    train = repeated(signal[~is_test], TRAIN_REPETITIONS)
    test = repeated(signal[is_test], TEST_REPETITIONS)
    mean, deviation = train.mean(axis=(0, 1)), train.std(axis=(0, 1))
    return (train - mean) / deviation, (test - mean) / deviation


def _signal(
    mix: RegionMix,
    hemisphere: str,
    subject: str,
    features: FeatureSpaces,
    clips: Sequence[Clip],
    categories: Sequence[str],
    seed: int,
) -> Array:
    """Responses without noise: (n_clips, voxels), variance about one."""
    voxels = mix.voxels(hemisphere)
    preferred = np.array([float(clip.category in mix.prefers) for clip in clips])
    signal = np.zeros((len(clips), voxels))
    for family in FAMILIES:
        share: float = getattr(mix, family)
        if share == 0:
            continue
        if family == "low":
            latent = _seen(features.low, mix.visual_field, hemisphere)
        else:
            latent = features.family(family)
        if family == "category" and mix.preference:
            latent = _with_preference(latent, preferred, mix.preference)
        signal += np.sqrt(share) * _projected(latent, voxels, mix, hemisphere, subject, family, seed)
    for name, share, owner in (("other", mix.other, "everyone"), ("own", mix.own, subject)):
        drawn = [
            random_stream(seed, name, owner, mix.region, clip.identifier).standard_normal(UNNAMED_DIMENSIONS)
            for clip in clips
        ]
        signal += np.sqrt(share) * _projected(np.stack(drawn), voxels, mix, hemisphere, subject, name, seed)
    # A region that prefers a category also has a higher mean response to it.
    return signal + 0.3 * mix.preference * np.sqrt(mix.category) * preferred[:, None]


def _seen(low: Array, visual_field: str, hemisphere: str) -> Array:
    """Low-level features in a region's part of the image; early cortex sees the opposite side."""
    half = GRID // 2
    rows = {"upper": slice(0, half), "lower": slice(half, GRID), "full": slice(0, GRID)}[visual_field]
    columns = slice(half, GRID) if hemisphere == "l" else slice(0, half)
    if visual_field == "full":
        columns = slice(0, GRID)
    return low[:, rows, columns].reshape(len(low), -1)


def _with_preference(latent: Array, preferred: Array, preference: float) -> Array:
    """Increase the distances of preferred categories from the rest and from each other."""
    return latent * (1 + preferred[:, None] * (preference - 1) * 0.5)


def _projected(
    latent: Array, voxels: int, mix: RegionMix, hemisphere: str, subject: str, name: str, seed: int
) -> Array:
    """A random projection of latent (n_clips, d) onto voxels with variance one, partly shared by subjects."""
    centred = latent - latent.mean(axis=0)
    centred = centred / np.sqrt(centred.var(axis=0).sum())
    shape = (latent.shape[1], voxels)
    common = random_stream(seed, "projection", name, hemisphere, mix.region).standard_normal(shape)
    private = random_stream(seed, "projection", name, hemisphere, mix.region, subject).standard_normal(shape)
    return np.asarray(centred @ (np.sqrt(1 - mix.spread) * common + np.sqrt(mix.spread) * private))


def write_betas(path: Path, train: Array, test: Array) -> None:
    """Write a region file in the real layout: a pickled dict with the two arrays and other entries.

    The others are an image of a class whose module is not installed, and three 8-byte numbers per voxel.
    """
    voxels = train.shape[2]
    place = np.arange(voxels, dtype=np.int64)
    partial = path.with_name(path.name + ".part")
    module, image = _absent_image(voxels)
    contents = {
        "roi_mask": image,
        "train_data_allvoxel": np.ascontiguousarray(train, dtype=np.float64),
        "test_data_allvoxel": np.ascontiguousarray(test, dtype=np.float64),
        "roi_indices": np.stack([30 + place % 8, 20 + place // 8, np.full(voxels, 25)], axis=1).astype(
            np.int64
        ),
    }
    # pickle looks up a class by name before it writes it, so the module must exist meanwhile.
    package = ABSENT_MODULE.partition(".")[0]
    sys.modules[package], sys.modules[ABSENT_MODULE] = types.ModuleType(package), module
    try:
        with partial.open("wb") as file:
            pickle.dump(contents, file, protocol=4)
    finally:
        del sys.modules[package], sys.modules[ABSENT_MODULE]
    os.replace(partial, path)


def _absent_image(voxels: int) -> tuple[types.ModuleType, Any]:
    module = types.ModuleType(ABSENT_MODULE)
    kind = type("MaskImage", (), {"__module__": ABSENT_MODULE})
    module.MaskImage = kind  # type: ignore[attr-defined]
    image = kind()
    # 2.5 mm voxels of MNI space.
    image.affine = np.array([[-2.5, 0, 0, 98], [0, 2.5, 0, -134], [0, 0, 2.5, -72], [0, 0, 0, 1]])
    image.dataobj = (np.arange(8 * 8 * 8) < voxels).reshape(8, 8, 8).astype(np.uint8)
    return module, image
