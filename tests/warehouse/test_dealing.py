"""Which worker gets which batch, and when; a lost batch is dealt again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from working_batches import number_batch

from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import AlignhouseError
from alignhouse.warehouse.executors.dealing import Worker, WorkerLost, deal_out, longest_first
from alignhouse.warehouse.executors.executor import Spent
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.executors.worker import Done
from alignhouse.warehouse.jobs import Job
from alignhouse.warehouse.progress import Silent


def number_of(job: Job) -> Any:
    return job.settings["number"]


def test_the_longest_batch_for_a_device_comes_first_and_others_keep_their_order() -> None:
    works = [3.0, 50.0, 7.0, 50.0]
    batches = [
        replace(number_batch("device", number), device="cpu", work=(work,))
        for number, work in enumerate(works)
    ]
    assert [number_of(each.jobs[0]) for each in longest_first(batches)] == [1, 3, 2, 0]
    plain = [replace(each, device="") for each in batches]
    assert longest_first(plain) == plain


class Dealt:
    """Workers in this process, and what they were given.

    lost_with : number of a batch -> how often its worker is lost. started : (worker, number), in order.
    """

    def __init__(self, root: Path, lost_with: dict[int, int] | None = None) -> None:
        self.root, self.lost_with = root, dict(lost_with or {})
        self.started: list[tuple[str, int]] = []
        # What runs; it ends when the dealer looks for workers once more.
        self.running: dict[str, tuple[Batch, Future[Done]]] = {}
        self.workers: Sequence[Worker] = ()

    def present(self) -> Sequence[Worker]:
        for name, (batch, told) in list(self.running.items()):
            del self.running[name]
            number = number_of(batch.jobs[0])
            if self.lost_with.get(number, 0) > 0:
                self.lost_with[number] -= 1
                told.set_exception(WorkerLost(name, found="it left", hint="look at its log"))
            else:
                [(_, made)] = local(self.root, [batch], lambda job: Silent())
                told.set_result(([made], [], Spent()))
        return self.workers

    def deal(
        self, batches: Sequence[Batch], *workers: Worker, attempts: int = 1, keep_going: bool = False
    ) -> Iterator[int]:
        self.workers = workers
        found = deal_out(
            batches, self.present, lambda job: Silent(), keep_going=keep_going, attempts=attempts
        )
        return (number_of(job) for job, _ in found)


class Fake:
    """A worker that runs one batch at a time. only : the kind of batch that it takes; "" takes all."""

    def __init__(self, dealt: Dealt, name: str, only: str = "") -> None:
        self.name, self.dealt, self.only = name, dealt, only

    def takes(self, batch: Batch) -> bool:
        return self.only in ("", batch.jobs[0].settings["kind"])

    def share(self) -> float:
        return 0.0

    def start(self, batch: Batch) -> Future[Done]:
        assert self.name not in self.dealt.running, "it has a batch already"
        told: Future[Done] = Future()
        self.dealt.started.append((self.name, number_of(batch.jobs[0])))
        self.dealt.running[self.name] = batch, told
        return told


def numbered(count: int) -> list[Batch]:
    return [number_batch("number", number) for number in range(count)]


def test_each_worker_has_one_batch_at_a_time(tmp_path: Path) -> None:
    dealt = Dealt(tmp_path)
    assert sorted(dealt.deal(numbered(5), Fake(dealt, "a"), Fake(dealt, "b"))) == [0, 1, 2, 3, 4]
    assert dealt.started[:2] == [("a", 0), ("b", 1)]


def test_a_worker_gets_only_what_it_takes(tmp_path: Path) -> None:
    dealt = Dealt(tmp_path)
    batches = [*numbered(2), *(number_batch("say", number) for number in (2, 3))]
    assert sorted(dealt.deal(batches, Fake(dealt, "a", "say"), Fake(dealt, "b"))) == [0, 1, 2, 3]
    assert {number for name, number in dealt.started if name == "a"} <= {2, 3}
    assert dealt.started[0] == ("a", 2)


def test_a_batch_whose_worker_is_lost_is_the_next_to_be_dealt(tmp_path: Path) -> None:
    dealt = Dealt(tmp_path, {0: 2, 3: 1})
    assert list(dealt.deal(numbered(4), Fake(dealt, "a"), attempts=3)) == [0, 1, 2, 3]
    assert [number for _, number in dealt.started] == [0, 0, 0, 1, 2, 3, 3]


def test_a_batch_that_loses_every_worker_is_named(tmp_path: Path) -> None:
    dealt = Dealt(tmp_path, {1: 3})
    message = r"worker a was lost during number 1, and 2 before it: found it left \(look at its log\)"
    with pytest.raises(AlignhouseError, match=message):
        list(dealt.deal(numbered(3), Fake(dealt, "a"), attempts=3))
    assert [number for _, number in dealt.started] == [0, 1, 1, 1]


@pytest.mark.parametrize("keep_going", [True, False])
def test_after_an_error_batches_begin_only_if_asked(tmp_path: Path, keep_going: bool) -> None:
    dealt = Dealt(tmp_path)
    batches = [number_batch("fail", 0), *(number_batch("number", number) for number in (1, 2))]
    found = list(dealt.deal(batches, Fake(dealt, "a"), keep_going=keep_going))
    assert found == ([0, 1, 2] if keep_going else [0])
