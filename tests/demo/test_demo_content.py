"""The content of the demo's clips, and the responses of its simulated regions."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import rankdata, spearmanr

from alignhouse.demo import brains, clips, features
from alignhouse.warehouse.errors import BadInput

Array = np.ndarray[Any, np.dtype[Any]]

SUBJECTS = 10


def grating(cycles_per_second: float, orientation: float = 0.0, frame_rate: int = 30) -> Array:
    """Three frames of a grating with a wavelength of 22 pixels that moves along `orientation` (radians)."""
    y, x = np.mgrid[0 : clips.SIDE, 0 : clips.SIDE]
    along = (np.cos(orientation) * x + np.sin(orientation) * y) / 22
    times = np.arange(3)[:, None, None] / frame_rate
    luma = 127 + 100 * np.cos(2 * np.pi * (along - cycles_per_second * times))
    return np.repeat(luma[..., None], 3, axis=-1).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Study:
    """The demo's clips as the test split of a study: their features and the simulated betas."""

    plan: tuple[clips.Clip, ...]
    spaces: features.FeatureSpaces
    test: Array

    def rdm(self, family: str) -> Array:
        return pdist(self.spaces.family(family)[self.test], "correlation")

    def category_rdm(self) -> Array:
        names = [clip.category for clip in self.plan if clip.split == "test"]
        kinds = np.unique(names, return_inverse=True)[1]
        return pdist(kinds[:, None], "hamming")

    @cache  # noqa: B019
    def brain_rdms(self, *regions: str) -> Array:
        """RDMs (subjects, pairs) of both hemispheres of the regions together."""
        kinds = [category.name for category in clips.load_categories()]
        parts = [part for part in brains.part_names(brains.load_region_mix()) if part[1].region in regions]
        return np.stack(
            [
                pdist(
                    np.concatenate(
                        [
                            brains.simulate_part(
                                mix, side, f"sub-{subject:02d}", self.spaces, self.plan, kinds, 0
                            )[1].mean(axis=1)
                            for _, mix, side in parts
                        ],
                        axis=1,
                    ),
                    "correlation",
                )
                for subject in range(1, SUBJECTS + 1)
            ]
        )

    def agreement(self, model: Array, *regions: str) -> float:
        return float(np.mean([spearmanr(model, rdm)[0] for rdm in self.brain_rdms(*regions)]))

    def lower_ceiling(self, *regions: str) -> float:
        ranks = np.stack([rankdata(rdm) for rdm in self.brain_rdms(*regions)])
        others = [np.delete(ranks, subject, axis=0).mean(axis=0) for subject in range(SUBJECTS)]
        return float(np.mean([spearmanr(own, rest)[0] for own, rest in zip(ranks, others, strict=True)]))


@pytest.fixture(scope="module")
def study() -> Study:
    # Rendered frames replace the encoded ones, which differ by a few grey levels.
    categories = clips.load_categories()
    plan = clips.plan_clips(0, 24, 12, categories)
    measured = [features.measure(clips.render(clip, 0), clip.frame_rate) for clip in plan]
    spaces = features.feature_spaces(measured, plan, categories)
    return Study(plan, spaces, np.array([clip.split == "test" for clip in plan]))


@pytest.mark.parametrize("regions", [("V1v", "V1d"), ("V2v", "V2d"), ("V3v",), ("V3d",)])
def test_early_regions_follow_low_level_content_and_not_category(
    study: Study, regions: tuple[str, ...]
) -> None:
    low, category = study.rdm("low"), study.category_rdm()
    assert study.agreement(low, *regions) > 0.15
    assert study.agreement(low, *regions) > study.agreement(category, *regions) + 0.1
    assert study.agreement(low, *regions) > study.agreement(study.rdm("motion"), *regions)


@pytest.mark.parametrize("region", ["FFA", "OFA", "PPA", "EBA", "STS", "RSC"])
def test_late_regions_follow_category_and_not_low_level_content(study: Study, region: str) -> None:
    assert study.agreement(study.category_rdm(), region) > 0.15
    for family in ("low", "mid", "motion"):
        assert (
            study.agreement(study.category_rdm(), region) > study.agreement(study.rdm(family), region) + 0.05
        )


@pytest.mark.parametrize("region", ["MT", "V3ab", "IPS0", "IPS1-2-3"])
def test_motion_regions_follow_motion_most(study: Study, region: str) -> None:
    motion = study.agreement(study.rdm("motion"), region)
    assert motion > max(study.agreement(study.rdm(family), region) for family in ("low", "mid", "category"))


def test_hv4_follows_mid_level_content_most(study: Study) -> None:
    mid = study.agreement(study.rdm("mid"), "hV4")
    assert mid > max(study.agreement(study.rdm(family), "hV4") for family in ("low", "motion", "category"))


@pytest.mark.parametrize("regions", [("V1v", "V1d"), ("hV4",), ("MT",), ("FFA",), ("EBA",), ("IPS1-2-3",)])
def test_subjects_share_as_much_structure_as_real_ones(study: Study, regions: tuple[str, ...]) -> None:
    assert 0.15 < study.lower_ceiling(*regions) < 0.45


@pytest.mark.parametrize("region", ["BA2", "PFop"])
def test_regions_outside_the_groups_are_mostly_noise(study: Study, region: str) -> None:
    assert study.lower_ceiling(region) < 0.12


def test_the_face_region_tells_faces_from_the_rest_better_than_the_body_region(study: Study) -> None:
    names = [clip.category for clip in study.plan if clip.split == "test"]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    one_face = np.array([(a == "face") != (b == "face") for a, b in pairs])
    no_face = np.array([a != b and "face" not in (a, b) for a, b in pairs])

    def gap(region: str) -> float:
        mean = study.brain_rdms(region).mean(axis=0)
        return float(mean[one_face].mean() - mean[no_face].mean())

    assert gap("FFA") > gap("EBA")


def test_a_left_early_region_does_not_see_the_left_of_the_image(study: Study) -> None:
    left_changed = study.spaces.low.copy()
    left_changed[:, :, : features.GRID // 2] = np.random.default_rng(0).standard_normal(
        left_changed[:, :, :3].shape
    )
    changed = features.FeatureSpaces(
        left_changed, study.spaces.mid, study.spaces.motion, study.spaces.category
    )
    mix = brains.load_region_mix()[0]

    def betas(side: str, spaces: features.FeatureSpaces) -> Array:
        return brains.simulate_part(mix, side, "sub-01", spaces, study.plan, ["face"], 0)[1]

    np.testing.assert_array_equal(betas("l", study.spaces), betas("l", changed))
    assert not np.allclose(betas("r", study.spaces), betas("r", changed))


def test_a_filter_answers_most_to_a_grating_of_its_orientation_and_scale() -> None:
    # A wavelength of 22 pixels is 11 of the half-size frame: the second scale.
    for step in range(features.ORIENTATIONS):
        content = features.measure(grating(2.0, np.pi * step / features.ORIENTATIONS), 30)
        assert content.energy.mean(axis=(0, 1)).argmax() == features.ORIENTATIONS + step


def test_travel_changes_sign_with_direction_and_vanishes_when_still() -> None:
    forth, back, still = (features.measure(grating(speed), 30).travel for speed in (3.0, -3.0, 0.0))
    vertical = features.ORIENTATIONS
    assert np.all(forth[..., vertical] * back[..., vertical] < 0)
    assert np.abs(still).max() < 0.05 * np.abs(forth[..., vertical]).min()


def test_travel_is_per_second_whatever_the_frame_rate() -> None:
    at_24, at_30 = (features.measure(grating(1.0, 0.0, rate), rate).travel for rate in (24, 30))
    vertical = features.ORIENTATIONS
    np.testing.assert_allclose(at_24[..., vertical], at_30[..., vertical], rtol=0.05)


def test_categories_and_backgrounds_come_equally_often_within_a_split() -> None:
    plan = clips.plan_clips(0, 24, 12, clips.load_categories())
    for split, each in (("test", 4), ("train", 2)):
        for trait in ("category", "background"):
            counts = np.unique(
                [getattr(clip, trait) for clip in plan if clip.split == split], return_counts=True
            )
            assert counts[1].tolist() == [each] * 6


def test_every_clip_moves_and_no_two_look_alike() -> None:
    plan = clips.plan_clips(0, 6, 2, clips.load_categories())
    shown = [clips.render(clip, 0)[[0, -1]].astype(float) for clip in plan]
    assert all(np.abs(last - first).mean() > 2 for first, last in shown)
    means = (
        pdist(np.stack([first[::8, ::8].ravel() for first, _ in shown]), "cityblock")
        / shown[0][0][::8, ::8].size
    )
    assert means.min() > 10


def test_a_clip_survives_encoding(tmp_path: Path) -> None:
    frames = clips.render(clips.plan_clips(0, 2, 2, clips.load_categories())[0], 0)
    clips.write_clip(frames, 24, tmp_path / "clip.mp4")
    assert np.abs(clips.read_clip(tmp_path / "clip.mp4").astype(float) - frames).mean() < 6
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def changed_mix(tmp_path: Path, old: str, new: str) -> Path:
    text = brains.REGION_MIX_FILE.read_text()
    assert old in text
    path = tmp_path / "mix.csv"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "V1v,40,42,upper,0.78",
            "V1v,40,42,upper,0.70",
            r"shares of region 'V1v' .* expected a sum of 1, found 0.92",
        ),
        ("V1v,40,42,upper", "V1v,40,42,top", "visual field of region 'V1v' .* found top"),
        (",face,", ",fase,", r"preference of region 'FFA' .* found fase \(did you mean face"),
    ],
)
def test_a_wrong_mix_names_the_region(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        brains.load_region_mix(changed_mix(tmp_path, old, new), ["face", "body", "building", "texture"])


def test_a_category_that_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "categories.csv"
    path.write_text(clips.CATEGORIES_FILE.read_text().replace("vehicle,", "submarine,", 1))
    with pytest.raises(BadInput, match="category 'submarine'"):
        clips.load_categories(path)


def test_importing_the_demo_loads_neither_codecs_nor_scipy() -> None:
    heavy = ["av", "scipy", "torch", "alignhouse.ingest"]
    code = f"import sys, alignhouse.demo.data; print([name for name in {heavy} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
