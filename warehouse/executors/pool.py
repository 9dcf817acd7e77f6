"""Spawned worker processes that end with their parent process, even if that is killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class WorkerPool:
    """A pool of spawned processes. They start with the first call, and wait for further ones until `close`.

    Parameters
    ----------
    workers : number of processes.
    begin : called once in each worker, for example to set its number of threads.
    """

    def __init__(self, workers: int, begin: Callable[[], None] | None = None) -> None:
        self.workers, self._begin = workers, begin
        self._context = multiprocessing.get_context("spawn")
        # Workers wait until this pipe is closed, which also happens if this process dies. An Event does not
        # work here: setting it waits for all waiters, and a worker may have died.
        self._lifeline, self._held = self._context.Pipe(duplex=False)
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run `call(*args, **kwargs)` in a worker; function, arguments and result must be picklable."""
        if self._pool is None:
            arguments = (self._lifeline, self._begin)
            self._pool = ProcessPoolExecutor(
                self.workers, self._context, initializer=_start, initargs=arguments
            )
        return self._pool.submit(call, *args, **kwargs)

    def close(self) -> None:
        """End the workers, even in the middle of a call."""
        self._held.close()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _start(lifeline: Connection, begin: Callable[[], Any] | None) -> None:
    """Set up a worker that ends only when its parent process says so or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        with contextlib.suppress(EOFError):
            lifeline.recv_bytes()
        # A worker may end at any moment: only complete files are moved into place.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if begin is not None:
        begin()
