"""The demo's synthetic data set, in the layout of the BOLD Moments data set (OpenNeuro ds005165).

Every complete file is listed in a manifest with its hash. A second call checks the hashes, keeps correct
files, and writes those that are missing, incomplete or changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alignhouse.demo import brains
from alignhouse.demo import clips as movies
from alignhouse.demo.features import Array, FeatureSpaces, feature_spaces, measure
from alignhouse.demo.ledger import MANIFEST, Ledger
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import sha256_of, write_text

GENERATOR = 1
"""Increase it whenever the same parameters give other data."""

MOST_SUBJECTS = 99
BETAS = Path("derivatives/versionB/MNI152/prepared_allvoxel_pkl")
STIMULI = Path("stimulus_set")
NOTICE = "SYNTHETIC.json"
TABLE = "clips.csv"
README = """\
Synthetic demo data
===================

Nothing here was measured. The clips are drawn by a program; the "betas" are simulated from what the clips
show, with random noise. Only the folders, file names and array shapes follow the BOLD Moments data set
(OpenNeuro ds005165), so that programs that read the real data can be tried without it. No number from these
files says anything about brains or about neural networks.

  stimulus_set/train, stimulus_set/test       short H.264 clips, 268 x 268 pixels
  derivatives/versionB/MNI152/prepared_allvoxel_pkl/sub-XX/
      sub-XX_roi-{l,r}{region}_betas_normalized.pkl    train (videos, 3, voxels) and test (videos, 10, voxels)
  clips.csv                                   what each clip shows
  SYNTHETIC.json                              the parameters that made this
  manifest.json                               every file with its sha256
"""

Progress = Callable[[str, int, int], None]
"""Called with the current step, the number done and the total."""


@dataclass(frozen=True)
class DemoData:
    """The paths of the demo data, and the number of files that this call wrote (0 if all existed)."""

    folder: Path
    betas: Path
    stimuli: Path
    clips: Path
    manifest: Path
    made: int


def make_demo_data(
    folder: Path,
    *,
    seed: int = 0,
    subjects: int = 10,
    test_clips: int = 24,
    train_clips: int = 12,
    progress: Progress | None = None,
) -> DemoData:
    """Write the demo's data set into `folder`. An incomplete one is completed; a complete one is kept.

    Parameters
    ----------
    folder : new, empty, or written by an earlier call with the same parameters.
    seed : the same seed gives the same bytes in every clip and region file.
    subjects : number of simulated subjects, 1 to 99, each with the 46 hemispheric region files.
    test_clips, train_clips : number of clips of each split, at least 2.
    progress : see Progress.

    Raises
    ------
    BadInput : a number is out of range, or the folder has other data, which are never mixed or overwritten.
    """
    if not 1 <= subjects <= MOST_SUBJECTS:
        raise BadInput(
            "number of subjects of the demo data", expected=f"1 to {MOST_SUBJECTS}", found=subjects
        )
    if seed < 0:
        raise BadInput("seed of the demo data", expected="0 or more", found=seed)
    categories = movies.load_categories()
    mixes = brains.load_region_mix(categories=[category.name for category in categories])
    clips = movies.plan_clips(seed, test_clips, train_clips, categories)
    parameters = {
        "generator": GENERATOR,
        "seed": seed,
        "subjects": subjects,
        "test_clips": test_clips,
        "train_clips": train_clips,
        "categories_sha256": sha256_of(movies.CATEGORIES_FILE),
        "region_mix_sha256": sha256_of(brains.REGION_MIX_FILE),
    }
    ledger = Ledger.open(folder, parameters)
    tell = progress or (lambda what, done, total: None)
    texts = {"README": README, NOTICE: _notice(parameters), TABLE: movies.clips_table(clips)}
    for name, text in texts.items():
        ledger.make(name, partial(write_text, text=text))
    _make_clips(ledger, clips, seed, tell)
    _make_betas(ledger, clips, categories, mixes, subjects, seed, tell)
    return DemoData(
        folder=folder,
        betas=folder / BETAS,
        stimuli=folder / STIMULI,
        clips=folder / TABLE,
        manifest=folder / MANIFEST,
        made=ledger.made,
    )


def clip_path(clip: movies.Clip) -> str:
    """The path of a clip in the data set."""
    return (STIMULI / clip.split / f"{clip.identifier}.mp4").as_posix()


def betas_path(subject: str, part: str) -> str:
    """The path of the betas of a part (lV1v) of a subject (sub-01) in the data set."""
    return (BETAS / subject / f"{subject}_roi-{part}_betas_normalized.pkl").as_posix()


def clip_features(
    folder: Path, clips: Sequence[movies.Clip], categories: Sequence[movies.Category], tell: Progress
) -> FeatureSpaces:
    """The features of the clips of a data set, measured on its decoded video files."""
    contents = []
    for done, clip in enumerate(clips):
        contents.append(measure(movies.read_clip(folder / clip_path(clip)), clip.frame_rate))
        tell("measuring clips", done + 1, len(clips))
    return feature_spaces(contents, clips, categories)


def _make_clips(ledger: Ledger, clips: Sequence[movies.Clip], seed: int, tell: Progress) -> None:
    for done, clip in enumerate(clips):
        ledger.make(
            clip_path(clip),
            partial(_write_clip, clip, seed),
        )
        ledger.save()
        tell("drawing clips", done + 1, len(clips))


def _make_betas(
    ledger: Ledger,
    clips: Sequence[movies.Clip],
    categories: Sequence[movies.Category],
    mixes: Sequence[brains.RegionMix],
    subjects: int,
    seed: int,
    tell: Progress,
) -> None:
    # Betas depend on the clips on disk: if one was encoded differently, all betas are stale.
    ledger.forget_unless_from(BETAS.as_posix(), [clip_path(clip) for clip in clips])
    names = [f"sub-{number:02d}" for number in range(1, subjects + 1)]
    parts = brains.part_names(mixes)
    missing = [s for s in names if not all(ledger.has(betas_path(s, part)) for part, _, _ in parts)]
    if not missing:
        return
    features = clip_features(ledger.folder, clips, categories, tell)
    kinds = [category.name for category in categories]
    for done, subject in enumerate(missing):
        for part, mix, hemisphere in parts:
            simulate = partial(brains.simulate_part, mix, hemisphere, subject, features, clips, kinds, seed)
            ledger.make(betas_path(subject, part), partial(_write_betas, simulate))
        ledger.save()
        tell("simulating subjects", done + 1, len(missing))


def _write_clip(clip: movies.Clip, seed: int, path: Path) -> None:
    movies.write_clip(movies.render(clip, seed), clip.frame_rate, path)


def _write_betas(simulate: Callable[[], tuple[Array, Array]], path: Path) -> None:
    brains.write_betas(path, *simulate())


def _notice(parameters: dict[str, Any]) -> str:
    note = "Simulated betas and drawn clips in the layout of the BOLD Moments data set; nothing was measured."
    return json.dumps({"synthetic": True, "note": note, "parameters": parameters}, indent=2) + "\n"
