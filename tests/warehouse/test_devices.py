"""One worker process for each device: who gets which batch, and what happens when a worker dies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from working_batches import number_batch, numbers

from alignhouse.warehouse.artifacts import files
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.cores import cores, share_cores
from alignhouse.warehouse.errors import AlignhouseError, BadInput
from alignhouse.warehouse.executors.devices import Devices
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.jobs import Job
from alignhouse.warehouse.progress import Silent


def on_device(number: int, work: float = 1.0) -> Batch:
    """A batch that notes in its file which device it received."""
    return replace(number_batch("device", number), device="cpu", work=(work,))


def number_of(job: Job) -> Any:
    return job.settings["number"]


@pytest.fixture(scope="module")
def two() -> Iterator[Devices]:
    with Devices(["first", "second"]) as executor:
        yield executor


def test_each_worker_gives_its_batches_its_own_device(tmp_path: Path, two: Devices) -> None:
    # Each waits for the other, so both devices are needed.
    batches = [
        replace(number_batch("meet", str(tmp_path / name)), device="cpu") for name in ("a", "b", "c", "d")
    ]
    found = list(two(tmp_path / "w", batches, lambda job: Silent()))
    devices = {made[0].about["device"] for _, made in found}  # type: ignore[index]
    assert devices == {"first", "second"}


def test_keys_and_files_do_not_depend_on_the_device(tmp_path: Path, two: Devices) -> None:
    batches = [replace(numbers(start, 3), device="") for start in range(0, 12, 3)]
    here = {job.key: made for job, made in local(tmp_path / "here", batches, lambda job: Silent())}
    there = {job.key: made for job, made in two(tmp_path / "there", batches, lambda job: Silent())}
    assert there == here
    assert on_device(1).jobs[0].key == replace(on_device(1), device="cuda:7").jobs[0].key


def test_a_batch_without_a_worker_of_its_own_keeps_its_device(tmp_path: Path) -> None:
    [(_, made)] = local(tmp_path, [on_device(1)], lambda job: Silent())
    assert made[0].about == {"device": "cpu"}  # type: ignore[index]


def test_a_worker_that_dies_is_named_with_its_device_and_its_batch(tmp_path: Path) -> None:
    batches = [replace(number_batch("die", 5), device="cpu"), on_device(1)]
    message = "worker gpu7 .worker 1. was lost during die 5: found its process died .*run out of memory"
    with Devices(["gpu7"]) as executor, pytest.raises(AlignhouseError, match=message):
        list(executor(tmp_path, batches, lambda job: Silent()))


def test_an_error_in_a_worker_comes_back_whole_and_the_others_go_on(tmp_path: Path, two: Devices) -> None:
    batches = [number_batch("fail", 0), *(on_device(number) for number in range(1, 5))]
    found = {
        number_of(job): made for job, made in two(tmp_path, batches, lambda job: Silent(), keep_going=True)
    }
    bad = found.pop(0)
    assert isinstance(bad, BadInput)
    assert "working_batches.py" in "".join(bad.__notes__)
    assert sorted(found) == [1, 2, 3, 4]
    assert not any(isinstance(made, Exception) for made in found.values())


def test_after_an_error_no_batch_begins(tmp_path: Path, two: Devices) -> None:
    batches = [number_batch("fail" if number == 1 else "slow", number) for number in range(40)]
    given = [job for job, made in two(tmp_path, batches, lambda job: Silent()) if isinstance(made, list)]
    assert len(given) < 20
    assert len(list(files(tmp_path))) == len(given)


def test_what_cannot_be_pickled_is_an_error_of_its_batch(tmp_path: Path, two: Devices) -> None:
    batch = number_batch("number", 1)
    unsent = replace(batch, shared={**batch.shared, "more": lambda: None})
    [(_, error)] = two(tmp_path, [unsent], lambda job: Silent())
    assert isinstance(error, Exception)
    assert "pickle" in str(error).lower()


def test_a_process_that_shares_the_cores_takes_its_part() -> None:
    every = cores()
    try:
        share_cores(2)
        assert cores() == max(1, every // 2)
        share_cores(10 * every)
        assert cores() == 1
    finally:
        share_cores(1)
    assert cores() == every
