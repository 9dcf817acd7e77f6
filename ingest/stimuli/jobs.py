"""The job that decodes every stimulus once and describes it in a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from alignhouse.ingest.stimuli.videos import Stimulus, inspect
from alignhouse.warehouse.artifacts import hive
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.jobs import Job, Output, Tick

VERSION = 1


def stimuli_job(dataset: str, stimuli: Sequence[Stimulus], sha256: Mapping[str, str]) -> Job:
    """The job that makes a row per stimulus: split, order, file, hash, frames, frame rate, size.

    Parameters
    ----------
    stimuli : of one split, in the order of the RDMs' conditions.
    sha256 : stimulus -> hash of its file.
    """

    def work(tick: Tick) -> Iterator[Output]:
        infos = []
        with ThreadPoolExecutor(cores()) as pool:
            decoding = [pool.submit(inspect, stimulus) for stimulus in stimuli]
            try:
                for done, each in enumerate(decoding):
                    infos.append(each.result())
                    tick(done + 1, len(stimuli))
            finally:
                pool.shutdown(cancel_futures=True)
        table = pa.table(
            {
                "dataset": [dataset] * len(stimuli),
                "stimulus": [each.name for each in stimuli],
                "split": [each.split for each in stimuli],
                "stimulus_order": list(range(len(stimuli))),
                "media": [each.media for each in stimuli],
                "file_name": [each.path.name for each in stimuli],
                "sha256": [each.sha256 for each in infos],
                "bytes": [each.bytes for each in infos],
                "frames": [each.frames for each in infos],
                "fps": pa.array([each.fps for each in infos], pa.float64()),
                "width": [each.width for each in infos],
                "height": [each.height for each in infos],
            }
        )
        folder = ("facts", hive("table", "stimulus"))
        yield Output(folder, table, table="stimulus", slot=("dataset", "split"))

    return Job(
        method="stimuli",
        version=VERSION,
        settings={"dataset": dataset, "stimuli": [[each.name, each.split] for each in stimuli]},
        inputs={each.name: sha256[each.name] for each in stimuli},
        label=f"{len(stimuli)} stimuli decoded",
        work=work,
    )
