"""The job that decodes every stimulus once and writes a row about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from alignhouse.ingest.stimuli.videos import Stimulus, inspect
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.settings import JobSettings
from alignhouse.warehouse.tables import rows_output

VERSION = 1


class StimuliSettings(JobSettings):
    """Settings of the description of stimuli. stimuli : name and split of each, in order."""

    dataset: str
    stimuli: tuple[tuple[str, str], ...]


def stimuli_batch(dataset: str, stimuli: Sequence[Stimulus], sha256: Mapping[str, str]) -> Batch:
    """One row per stimulus: split, order, file, hash, frames, frame rate, size.

    Parameters
    ----------
    stimuli : of one split, in the order of the RDMs' conditions.
    sha256 : stimulus -> hash of its file.
    """
    settings = StimuliSettings(dataset=dataset, stimuli=tuple((each.name, each.split) for each in stimuli))
    job = Job(
        method="stimuli",
        version=VERSION,
        settings=settings.as_json(),
        inputs={each.name: sha256[each.name] for each in stimuli},
        label=f"{len(stimuli)} stimuli decoded",
    )
    return single(job, describe_stimuli, stimuli=tuple(stimuli))


def describe_stimuli(job: Job, reporter: Reporter, stimuli: Sequence[Stimulus]) -> Iterator[Output]:
    """The rows of `stimulus`; see `stimuli_batch`."""
    dataset = StimuliSettings.of(job).dataset
    infos = []
    with ThreadPoolExecutor(cores()) as pool:
        decoding = [pool.submit(inspect, stimulus) for stimulus in stimuli]
        try:
            for done, each in enumerate(decoding):
                infos.append(each.result())
                reporter.step(done + 1, len(stimuli))
        finally:
            pool.shutdown(cancel_futures=True)
    columns: dict[str, Sequence[object]] = {
        "dataset": [dataset] * len(stimuli),
        "stimulus": [each.name for each in stimuli],
        "split": [each.split for each in stimuli],
        "stimulus_order": range(len(stimuli)),
        "media": [each.media for each in stimuli],
        "file_name": [each.path.name for each in stimuli],
        "sha256": [each.sha256 for each in infos],
        "bytes": [each.bytes for each in infos],
        "frames": [each.frames for each in infos],
        "fps": [each.fps for each in infos],
        "width": [each.width for each in infos],
        "height": [each.height for each in infos],
    }
    yield rows_output("stimulus", columns, ("dataset", "split"))
