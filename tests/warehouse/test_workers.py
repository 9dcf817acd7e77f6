"""What workers keep, report and check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from working_batches import numbers

from alignhouse.warehouse.errors import BadInput, Stopped
from alignhouse.warehouse.executors.admission import check_greeting
from alignhouse.warehouse.executors.executor import WRITING
from alignhouse.warehouse.executors.leases import Lease, Leased
from alignhouse.warehouse.executors.remote_batch import Leasing
from alignhouse.warehouse.executors.worker import Sent, reported, work
from alignhouse.warehouse.kept import kept
from alignhouse.warehouse.progress import Silent


class Timed(Silent):
    """Keeps the jobs whose times are reported."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    def took(self, job: str, started_at: str, seconds: float) -> None:
        assert seconds >= 0
        self.jobs.append(job)


def test_a_worker_forgets_what_an_earlier_stage_kept(tmp_path: Path) -> None:
    computed: list[int] = []

    @kept
    def square(number: int) -> int:
        computed.append(number)
        return number * number

    for stage in (1, 1, 2):
        work(tmp_path, numbers(stage, 1), Sent(lambda share: None), stage)
        square(3)
    assert computed == [3, 3], "computed once in each stage"


def test_times_of_jobs_are_reported_to_the_coordinator(tmp_path: Path) -> None:
    batch, heard = numbers(0, 3), Timed()
    done = work(tmp_path, batch, Sent(lambda share: None), "a stage")
    assert [job for job, _ in reported(batch, done, heard)] == list(batch.jobs)
    assert heard.jobs == [job.key for job in batch.jobs]


def test_a_lease_is_looked_at_before_files_are_written(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    leased = Leased(lease.file, lease.token)
    reporter = Leasing(lambda share: leased.check(), leased)
    reporter.doing("computing")
    lease.take_back()
    reporter.doing("computing")
    with pytest.raises(Stopped, match="taken this batch back"):
        reporter.doing(WRITING)


@pytest.mark.parametrize(
    ("gpu", "daemon", "refused"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_only_a_worker_with_a_gpu_must_be_able_to_start_processes(
    tmp_path: Path, gpu: bool, daemon: bool, refused: bool
) -> None:
    said: dict[str, Any] = {"token": "t", "host": "h", "daemon": daemon}
    if not refused:
        check_greeting("tcp://w", said, "t", tmp_path, gpu=gpu)
        return
    with pytest.raises(BadInput, match=r"tcp://w on h: expected a process that may start others"):
        check_greeting("tcp://w", said, "t", tmp_path, gpu=gpu)
