"""Worker threads that send messages to the calling thread and stop with it."""

from __future__ import annotations

import threading

import pytest

from alignhouse.ingest.downloads.threads import Halted, each_in_threads


def test_every_item_is_processed_and_reported():
    heard: list[object] = []
    each_in_threads(lambda item, link: link.tell(item), range(100), 7, heard.append)
    assert sorted(heard) == list(range(100))
    each_in_threads(lambda item, link: link.tell(item), [], 7, pytest.fail)


def test_what_a_worker_raises_is_raised_here_and_stops_the_others():
    begun: list[int] = []
    halted: list[int] = []
    all_begun = threading.Barrier(4)

    def work(item: int, link) -> None:
        begun.append(item)
        all_begun.wait(60)
        if item == 0:
            raise ZeroDivisionError("in a thread")
        try:
            link.pause(60)
        except Halted:
            halted.append(item)
            raise

    with pytest.raises(ZeroDivisionError, match="in a thread"):
        each_in_threads(work, range(100), 4, pytest.fail)
    assert sorted(begun) == [0, 1, 2, 3]
    assert sorted(halted) == [1, 2, 3]


def test_a_worker_may_stop_all_and_its_messages_are_still_heard():
    heard: list[object] = []

    def work(item: int, link) -> None:
        link.check()
        link.tell(item)
        if item == 2:
            link.stop.set()

    each_in_threads(work, range(10), 1, heard.append)
    assert heard == [0, 1, 2]


def test_a_thread_that_cannot_be_woken_does_not_keep_the_caller(monkeypatch):
    monkeypatch.setattr("alignhouse.ingest.downloads.threads._LONGEST_JOIN", 0.1)
    over, threads = threading.Event(), []

    def work(item: int, link) -> None:
        threads.append(threading.current_thread())
        link.tell(item)
        over.wait(60)

    def hear(message: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        each_in_threads(work, range(3), 3, hear)
    assert any(thread.is_alive() for thread in threads)
    assert all(thread.daemon for thread in threads)
    over.set()
