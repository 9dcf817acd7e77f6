"""The 1,102 videos of BOLD Moments: their numbers, splits and places on disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from alignhouse.ingest.stimuli.videos import (
    Stimulus,
    check_split,
    find_in_split_folders,
    media_files,
    select_stimuli,
)
from alignhouse.warehouse.errors import BadInput

SPLITS = ("train", "test")
H264 = "mp4_h264"
"""The folder of the H.264 copies, which has the videos of both splits."""
LAST_TRAINING_VIDEO = 1000
LAST_VIDEO = 1102
_FIRST_VIDEO = {"train": 1, "test": LAST_TRAINING_VIDEO + 1}
_LAST_VIDEO = {"train": LAST_TRAINING_VIDEO, "test": LAST_VIDEO}
_NUMBERS = f"0001 to {LAST_VIDEO}"


def split_of_video(name: str) -> str | None:
    """The split of a video: "train" for "0001" to "1000", "test" for "1001" to "1102", otherwise None."""
    if len(name) != 4 or not (name.isascii() and name.isdigit()) or not 1 <= int(name) <= LAST_VIDEO:
        return None
    return "train" if int(name) <= LAST_TRAINING_VIDEO else "test"


def videos_of_split(split: str) -> list[str]:
    """The names of the videos of a split ("train", "test" or "all"), in order.

    Raises
    ------
    BadInput : the split is unknown.
    """
    check_split(split, SPLITS)
    chosen = SPLITS if split == "all" else (split,)
    return [f"{number:04d}" for each in chosen for number in range(_FIRST_VIDEO[each], _LAST_VIDEO[each] + 1)]


def beta_videos(split: str, n: int) -> list[str]:
    """The videos of the first `n` rows of betas: 0001, ... in train, 1001, ... in test.

    Raises
    ------
    BadInput : the split is unknown, or has fewer videos than rows.
    """
    if split not in SPLITS:
        raise BadInput("unknown split of betas", expected="train or test", found=split)
    videos = videos_of_split(split)
    if not 0 < n <= len(videos):
        raise BadInput(f"betas of split {split}", expected=f"1 to {len(videos):,} stimuli", found=n)
    return videos[:n]


def missing_videos(names: Iterable[str], split: str = "all") -> list[str]:
    """The videos of a split that are not among `names`, in order.

    Parameters
    ----------
    names : identifiers of stimuli ("0001").
    split : "train" (0001 to 1000), "test" (1001 to 1102) or "all".

    Raises
    ------
    BadInput : another split.
    """
    there = set(names)
    return [name for name in videos_of_split(split) if name not in there]


def find_videos(folder: Path, split: str) -> list[Stimulus]:
    """The stimuli of a split, in natural order of their names.

    Parameters
    ----------
    folder : the stimulus set (mp4_h264/, else train/ and test/, directly or in stimuli/), or a flat folder of
        videos or images. A flat folder is split by number if all its names are numbers of BOLD Moments videos
        and some are above 1000. Otherwise, all its files belong to `split`.
    split : "train", "test" or "all".

    Raises
    ------
    BadInput : the folder is missing, mixes videos and images, has no stimulus of the split, or has two files
        with the same name.
    """
    check_split(split, SPLITS)
    return select_stimuli(_listing(folder, split), folder, split)


def has_layout(folder: Path) -> bool:
    """Whether a folder has the layout of BOLD Moments: mp4_h264/, stimuli/, or files named by number."""
    roots = _roots(folder)
    return (
        any(media_files(root / H264) for root in roots)
        or bool(media_files(roots[1]) or find_in_split_folders(roots[1], SPLITS))
        or (not find_in_split_folders(folder, SPLITS) and _is_numbered(folder))
    )


def _roots(folder: Path) -> tuple[Path, Path]:
    return folder, folder / "stimuli"


def _listing(folder: Path, split: str) -> list[Stimulus]:
    roots = _roots(folder)
    for root in roots:
        if files := media_files(root / H264):
            return [Stimulus(path.stem, _split_by_number(path), path, media) for path, media in files]
    for root in roots:
        if of_splits := find_in_split_folders(root, SPLITS):
            return of_splits
    for root in roots:
        if files := media_files(root):
            by_number = _is_numbered(root)
            return [
                Stimulus(path.stem, _split_by_number(path) if by_number else split, path, media)
                for path, media in files
            ]
    return []


def _is_numbered(folder: Path) -> bool:
    """Whether all names are video numbers and some are of the test split; other sets also count from 1."""
    splits = {split_of_video(path.stem) for path, _ in media_files(folder)}
    return None not in splits and "test" in splits


def _split_by_number(path: Path) -> str:
    split = split_of_video(path.stem)
    if split is None:
        raise BadInput(f"{path} is not a video of the stimulus set", expected=f"a name from {_NUMBERS}")
    return split
