"""Worker threads that send messages to the calling thread and stop when it stops."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

_LONGEST_JOIN = 2.0  # seconds; a thread that waits longer for a silent server is abandoned


class Halted(Exception):  # a signal to a worker, not an error
    """The work was stopped."""


@dataclass(frozen=True)
class Link:
    """A worker's link to the calling thread: `tell` sends it a message, `stop` is set to end the work."""

    tell: Callable[[object], None]
    stop: threading.Event

    def check(self) -> None:
        """Raise Halted if the work was stopped."""
        if self.stop.is_set():
            raise Halted

    def pause(self, seconds: float) -> None:
        """Wait; raise Halted as soon as the work is stopped."""
        if self.stop.wait(seconds):
            raise Halted


@dataclass(frozen=True)
class _Ended:
    error: BaseException | None


def each_in_threads(
    work: Callable[[Item, Link], None],
    items: Sequence[Item],
    workers: int,
    hear: Callable[[object], None],
) -> None:
    """Call `work` for every item on `workers` threads, and `hear` in this thread for each message they send.

    A worker may set `link.stop`; then no further item is started. An exception of this thread (such as
    KeyboardInterrupt) or of `work` (except Halted) stops all threads and is raised here.
    """
    waiting: queue.SimpleQueue[Item] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)
    told: queue.SimpleQueue[object] = queue.SimpleQueue()
    link = Link(told.put, threading.Event())
    # Daemon threads: one that reads from a silent server cannot be woken, and must not keep the process.
    threads = [
        threading.Thread(target=_loop, args=(work, waiting, link), daemon=True)
        for _ in range(min(workers, len(items)))
    ]
    running = 0
    try:
        for thread in threads:
            thread.start()
            running += 1
        while running:
            message = told.get()
            if not isinstance(message, _Ended):
                hear(message)
                continue
            running -= 1
            if message.error is not None:
                raise message.error
    finally:
        link.stop.set()
        until = time.monotonic() + _LONGEST_JOIN
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))


def _loop(work: Callable[[Item, Link], None], waiting: queue.SimpleQueue[Item], link: Link) -> None:
    error: BaseException | None = None
    try:
        while not link.stop.is_set():
            work(waiting.get_nowait(), link)
    except (Halted, queue.Empty):
        pass
    except BaseException as raised:  # raised again in the calling thread
        error = raised
    link.tell(_Ended(error))
