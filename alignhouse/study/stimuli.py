"""The stimuli of a data set: unpacked where they come as a zip, registered, and what people said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignhouse.ingest.datasets.bmd.annotation_jobs import annotations_job
from alignhouse.ingest.datasets.bmd.annotations import find_annotations
from alignhouse.ingest.datasets.bmd.stimulus_set import missing_videos, require_videos, unpack_stimuli
from alignhouse.ingest.stimuli.jobs import stimuli_job
from alignhouse.ingest.stimuli.videos import Stimulus, find_stimuli
from alignhouse.study.hashing import hash_files
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.runs import Run

NAMED_AT_MOST = 12


@dataclass(frozen=True)
class StimuliRequest:
    """Which stimuli are meant.

    source : the stimulus set's zip, or its folder. to : where a zip is unpacked to.
    annotations : a folder with annotations.json; None for none. skip_missing : take what is there.
    """

    source: Path
    dataset: str
    split: str
    password: str | None = None
    to: Path | None = None
    annotations: Path | None = None
    skip_missing: bool = False

    def recorded(self) -> dict[str, Any]:
        """What a run keeps of it: not the password."""
        return {"stimuli": str(self.source), "dataset": self.dataset, "split": self.split}


def ingest_stimulus_set(run: Run, request: StimuliRequest) -> None:
    """Unpack, check and register the videos of BOLD Moments, and their annotations.

    Raises
    ------
    BadInput : videos are missing (and not to be skipped) or do not decode; a wrong password; bad annotations.
    """
    folder = request.source
    if not folder.is_dir():
        to = request.to or folder.with_suffix("")
        folder = unpack_stimuli(folder, to, password=request.password, progress=run.progress)
    stimuli = find_stimuli(folder, request.split)
    names = [each.name for each in stimuli]
    if not request.skip_missing:
        require_videos(names, request.split)
    elif missing := missing_videos(names, request.split):
        more = f" and {len(missing) - NAMED_AT_MOST:,} more" if len(missing) > NAMED_AT_MOST else ""
        run.progress.say(f"Missing {len(missing):,} videos: {', '.join(missing[:NAMED_AT_MOST])}{more}")
    hashes = Hashes(run.writer.folder)
    with run.all_or_nothing():
        register_stimuli(run, request.dataset, stimuli, hashes)
        if request.annotations is not None:
            register_annotations(run, request.dataset, request.annotations, hashes)
    hashes.save()


def register_stimuli(
    run: Run, dataset: str, stimuli: Sequence[Stimulus], hashes: Hashes
) -> Mapping[str, str]:
    """Decode and register stimuli, a job a split; gives the sha256 of each by its name."""
    sha256 = hash_files([each.path for each in stimuli], hashes, run.progress)
    by_split: dict[str, list[Stimulus]] = {}
    for each in stimuli:
        by_split.setdefault(each.split, []).append(each)
    digests = {each.name: sha256[each.path] for each in stimuli}
    run.do("Decoding stimuli", [stimuli_job(dataset, some, digests) for some in by_split.values()])
    return digests


def register_annotations(run: Run, dataset: str, folder: Path, hashes: Hashes) -> None:
    """Register what annotators, and language models, said of the videos.

    Raises
    ------
    BadInput : there are no annotations in the folder, or one is not what it should be.
    """
    paths = find_annotations(folder)
    if not paths:
        raise BadInput(
            f"no annotations in {folder}",
            expected="annotations.json in it or in derivatives/stimuli_metadata",
            hint="get them with `alignhouse ingest fetch bmd`",
        )
    sha256 = {name: hashes.of(path) for name, path in paths.items()}
    run.do("Annotations", [annotations_job(dataset, paths, sha256)])
