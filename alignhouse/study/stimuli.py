"""The stimuli of a data set: unpacked from a zip if necessary, decoded, and registered with annotations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alignhouse.ingest.datasets.dataset import DEFAULT_KIND, annotation_sources, data_set
from alignhouse.ingest.stimuli.jobs import damaged_stimuli, stimuli_batch, unlike_decord
from alignhouse.ingest.stimuli.videos import Stimulus
from alignhouse.study.hashing import hash_files
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.hashes import Hashes
from alignhouse.warehouse.runs import Run

NAMED_AT_MOST = 12


@dataclass(frozen=True)
class RegisteredStimuli:
    """Stimuli that are in the warehouse.

    sha256 : stimulus -> hash of its file. unlike_decord : stimulus -> why decord may show other frames of it.
    """

    sha256: Mapping[str, str]
    unlike_decord: Mapping[str, str]


@dataclass(frozen=True)
class StimuliRequest:
    """Which stimuli to register.

    source : the stimulus set's zip, or its folder. to : where a zip is unpacked to.
    kind : of the data set, a name of the registry. dataset : what the user calls it.
    annotations : a folder of annotations; None for none. skip_missing : accept an incomplete set, and leave
    out files that are damaged.
    """

    source: Path
    dataset: str
    split: str
    password: str | None = None
    to: Path | None = None
    annotations: Path | None = None
    skip_missing: bool = False
    kind: str = DEFAULT_KIND

    def recorded(self) -> dict[str, Any]:
        """What a run keeps of it: not the password."""
        return {"stimuli": str(self.source), "dataset": self.dataset, "split": self.split}


def ingest_stimulus_set(run: Run, request: StimuliRequest) -> None:
    """Unpack, check and register the stimuli of a data set, and their annotations.

    Raises
    ------
    BadInput : stimuli are missing (and not to be skipped) or do not decode, the password is wrong, or
        annotations are damaged.
    """
    known = data_set(request.kind)
    folder = request.source
    if not folder.is_dir():
        if known.stimulus_set is None:
            raise BadInput(f"there is no folder {folder}", expected="stimuli")
        to = request.to or folder.with_suffix("")
        folder = known.stimulus_set.unpack(folder, to, password=request.password, progress=run.progress)
    stimuli = known.find_stimuli(folder, request.split)
    if known.stimulus_set is not None:
        names = [each.name for each in stimuli]
        if not request.skip_missing:
            known.stimulus_set.require(names, request.split)
        elif missing := known.stimulus_set.missing(names, request.split):
            more = f" and {len(missing) - NAMED_AT_MOST:,} more" if len(missing) > NAMED_AT_MOST else ""
            listed = ", ".join(missing[:NAMED_AT_MOST])
            run.progress.say(f"Missing {len(missing):,} videos: {listed}{more}")
    hashes = Hashes(run.writer.folder)
    with run.all_or_nothing():
        register_stimuli(run, request.dataset, stimuli, hashes, skip_damaged=request.skip_missing)
        if request.annotations is not None:
            register_annotations(run, request.kind, request.dataset, request.annotations, hashes)
    hashes.save()


def register_stimuli(
    run: Run, dataset: str, stimuli: Sequence[Stimulus], hashes: Hashes, *, skip_damaged: bool = False
) -> RegisteredStimuli:
    """Decode and register stimuli, one job a split.

    Parameters
    ----------
    skip_damaged : leave out those that do not decode, and list them; else they are an error that names them.
    """
    sha256 = hash_files([each.path for each in stimuli], hashes, run.progress)
    by_split: dict[str, list[Stimulus]] = {}
    for each in stimuli:
        by_split.setdefault(each.split, []).append(each)
    digests = {each.name: sha256[each.path] for each in stimuli}
    batches = {split: stimuli_batch(dataset, some, digests) for split, some in by_split.items()}
    if not skip_damaged:
        return _registered(digests, run.do_named("Decoding stimuli", batches).values())
    # A study does the same job for an intact split, so it finds that one done.
    intact, failures = run.try_each("Decoding stimuli", batches.values())
    without_damaged = {
        split: stimuli_batch(dataset, some, digests, skip_damaged=True)
        for split, some in by_split.items()
        if batches[split].jobs[0].key in failures
    }
    done = run.do_named("Decoding stimuli that are intact", without_damaged).values()
    for described in done:
        for reason in damaged_stimuli(described).values():
            run.progress.say(f"Left out: {reason}")
    return _registered(digests, [*(each for [each] in intact.values()), *done])


def _registered(sha256: Mapping[str, str], described: Iterable[Artifact]) -> RegisteredStimuli:
    unlike = {name: reason for each in described for name, reason in unlike_decord(each).items()}
    return RegisteredStimuli(sha256, unlike)


def register_annotations(run: Run, kind: str, dataset: str, folder: Path, hashes: Hashes) -> None:
    """Register the annotations of the stimuli.

    Raises
    ------
    BadInput : there are no annotations in the folder, or they are damaged.
    """
    sources = annotation_sources(kind)
    if not sources:
        raise BadInput(f"annotations of {dataset}", found=f"data sets of kind {kind!r} have none")
    for source in sources:
        if paths := source.find(folder):
            sha256 = {name: hashes.of(path) for name, path in paths.items()}
            run.do("Annotations", [source.batch(dataset, paths, sha256)])
            return
    raise BadInput(f"no annotations in {folder}", expected=sources[0].expected, hint=sources[0].hint)
