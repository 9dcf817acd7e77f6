"""The job that decodes every stimulus once and writes a row about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from alignhouse.ingest.stimuli.videos import Stimulus, StimulusInfo, changed, inspect
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.tables import rows_output

# 2: videos are decoded strictly. The rows of intact files are the same as before.
VERSION = 2
# 3: says which videos decord shows differently. Rows are by PyAV, which leaves out what an edit list cuts.
VERSION_OF_VIDEOS = 3
_NAMED_AT_MOST = 12
_OF_INFO = ("sha256", "bytes", "frames", "fps", "width", "height")


class StimuliSettings(JobSettings):
    """Settings of the description of stimuli.

    stimuli : name and split of each, in order. skip_damaged : leave out stimuli that do not decode; the
    artifact records the reason for each.
    """

    dataset: str
    stimuli: tuple[tuple[str, str], ...]
    skip_damaged: bool = False

    def as_json(self) -> dict[str, Any]:
        # The default is omitted, so that it does not change the keys of finished jobs.
        return self.model_dump(mode="json", exclude_defaults=True)


def stimuli_batch(
    dataset: str, stimuli: Sequence[Stimulus], sha256: Mapping[str, str], *, skip_damaged: bool = False
) -> Batch:
    """One row per stimulus: split, order, file, hash, frames, frame rate, size.

    Parameters
    ----------
    stimuli : of one split, in the order of the RDMs' conditions.
    sha256 : stimulus -> hash of its file.
    skip_damaged : leave out stimuli that do not decode.
    """
    settings = StimuliSettings(
        dataset=dataset,
        stimuli=tuple((each.name, each.split) for each in stimuli),
        skip_damaged=skip_damaged,
    )
    job = Job(
        method="stimuli",
        version=VERSION_OF_VIDEOS if any(each.media == "video" for each in stimuli) else VERSION,
        settings=settings.as_json(),
        inputs={each.name: sha256[each.name] for each in stimuli},
        label=f"{len(stimuli)} stimuli decoded",
    )
    return single(job, describe_stimuli, stimuli=tuple(stimuli))


def describe_stimuli(job: Job, reporter: Reporter, stimuli: Sequence[Stimulus]) -> Iterator[Output]:
    """The rows of `stimulus`; see `stimuli_batch`.

    Raises
    ------
    BadInput : stimuli are damaged and not to be skipped (it names them), or a file was replaced meanwhile.
    """
    settings = StimuliSettings.of(job)
    infos, damaged = _inspect_all(stimuli, reporter)
    if damaged and (not settings.skip_damaged or not infos):
        raise _refused(damaged, len(stimuli))
    rows = [(order, each, infos[each.name]) for order, each in enumerate(stimuli) if each.name in infos]
    for _, each, info in rows:
        if info.sha256 != job.inputs[each.name]:
            raise changed(each.path, job.inputs[each.name], info.sha256)
    unlike_decord = {each.name: info.unlike_decord for _, each, info in rows if info.unlike_decord}
    _say_blind_codecs(infos.values(), reporter)
    _say_unlike_decord(unlike_decord, reporter)
    columns: dict[str, Sequence[object]] = {
        "dataset": [settings.dataset] * len(rows),
        "stimulus": [each.name for _, each, _ in rows],
        "split": [each.split for _, each, _ in rows],
        "stimulus_order": [order for order, _, _ in rows],
        "media": [each.media for _, each, _ in rows],
        "file_name": [each.path.name for _, each, _ in rows],
        **{name: [getattr(info, name) for _, _, info in rows] for name in _OF_INFO},
    }
    output = rows_output("stimulus", columns, ("dataset", "split"))
    about = {"damaged": damaged, "unlike_decord": unlike_decord}
    yield replace(output, about={name: found for name, found in about.items() if found})


def damaged_stimuli(described: Artifact) -> Mapping[str, str]:
    """Stimulus -> why it was left out."""
    damaged: dict[str, str] = described.about.get("damaged", {})
    return damaged


def unlike_decord(described: Artifact) -> Mapping[str, str]:
    """Stimulus -> why decord may show other frames of it than PyAV."""
    found: dict[str, str] = described.about.get("unlike_decord", {})
    return found


def _inspect_all(
    stimuli: Sequence[Stimulus], reporter: Reporter
) -> tuple[dict[str, StimulusInfo], dict[str, str]]:
    """Stimulus -> its properties, and stimulus -> why it does not decode."""
    infos, damaged = {}, {}
    reporter.doing("decoding")
    with ThreadPoolExecutor(cores()) as pool:
        decoding = [pool.submit(inspect, stimulus) for stimulus in stimuli]
        try:
            for done, (stimulus, each) in enumerate(zip(stimuli, decoding, strict=True)):
                try:
                    infos[stimulus.name] = each.result()
                except BadInput as error:
                    damaged[stimulus.name] = str(error)
                reporter.step(done + 1, len(stimuli))
        finally:
            pool.shutdown(cancel_futures=True)
    return infos, damaged


def _refused(damaged: Mapping[str, str], n_stimuli: int) -> BadInput:
    if len(damaged) == 1:
        return BadInput(next(iter(damaged.values())))
    more = f" and {len(damaged) - _NAMED_AT_MOST:,} more" if len(damaged) > _NAMED_AT_MOST else ""
    names = ", ".join(list(damaged)[:_NAMED_AT_MOST])
    return BadInput(
        f"{len(damaged):,} of {n_stimuli:,} stimuli are damaged, {names}{more}; "
        f"the first: {next(iter(damaged.values()))}"
    )


def _say_blind_codecs(infos: Iterable[StimulusInfo], reporter: Reporter) -> None:
    for codec, count in sorted(Counter(info.blind_codec for info in infos if info.blind_codec).items()):
        reporter.say(
            f"Videos in {codec}: {count:,}. Its decoder misses many kinds of damage inside frames: "
            f"compare the files' checksums with those of their source"
        )


def _say_unlike_decord(found: Mapping[str, str], reporter: Reporter) -> None:
    for reason, count in sorted(Counter(found.values()).items()):
        reporter.say(f"Videos whose frames differ between PyAV and decord: {count:,}, {reason}")
