"""Threads that the calling one hears from and stops."""

from __future__ import annotations

import time

import pytest

from alignhouse.ingest.downloads.threads import in_threads


def test_every_item_is_worked_on_and_heard_of():
    heard: list[object] = []
    in_threads(lambda item, link: link.tell(item), range(100), 7, heard.append)
    assert sorted(heard) == list(range(100))
    in_threads(lambda item, link: link.tell(item), [], 7, pytest.fail)


def test_what_a_worker_raises_is_raised_here_and_stops_the_others():
    begun: list[int] = []

    def work(item: int, link) -> None:
        begun.append(item)
        if item == 0:
            raise ZeroDivisionError("in a thread")
        link.pause(60)

    began = time.monotonic()
    with pytest.raises(ZeroDivisionError, match="in a thread"):
        in_threads(work, range(100), 4, pytest.fail)
    assert time.monotonic() - began < 2
    assert len(begun) <= 4


def test_a_worker_may_stop_all_and_what_was_told_is_still_heard():
    heard: list[object] = []

    def work(item: int, link) -> None:
        link.check()
        link.tell(item)
        if item == 2:
            link.stop.set()

    in_threads(work, range(10), 1, heard.append)
    assert heard == [0, 1, 2]


def test_a_thread_that_cannot_be_woken_does_not_keep_the_caller(monkeypatch):
    monkeypatch.setattr("alignhouse.ingest.downloads.threads._LONGEST_JOIN", 0.1)

    def work(item: int, link) -> None:
        link.tell(item)
        time.sleep(3)

    def hear(message: object) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        in_threads(work, range(3), 3, hear)
    assert time.monotonic() - began < 1.5
