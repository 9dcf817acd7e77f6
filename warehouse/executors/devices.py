"""The executor for several devices of one machine, such as GPUs: one worker process for each."""

from __future__ import annotations

import multiprocessing
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from ctypes import Array, c_double
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.executors.dealing import WorkerLost, deal_out
from alignhouse.warehouse.executors.executor import Result, Starting
from alignhouse.warehouse.executors.pool import WorkerPool
from alignhouse.warehouse.executors.processes import WHY_IT_DIED, begin, work_on
from alignhouse.warehouse.executors.worker import Done


class Devices:
    """An executor with one worker process for each device; a context manager that ends them on exit.

    A worker owns its device: batches that compute on one (`Batch.device`) receive its name. The device is in
    no key of a job. Batches go to the worker that is free next, those of the most work first. So results come
    in the order in which batches end.

    Parameters
    ----------
    devices : names for torch, such as "cuda:0" and "cuda:1"; a name twice gives two workers.
    """

    def __init__(self, devices: Sequence[str]) -> None:
        shares = multiprocessing.get_context("spawn").RawArray("d", len(devices))
        self._workers = [
            _DeviceWorker(device, place, shares, len(devices)) for place, device in enumerate(devices)
        ]
        self._stage = 0

    @property
    def workers(self) -> int:
        return len(self._workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._workers:
            each.close()

    def __call__(
        self, root: Path, batches: Iterable[Batch], starting: Starting, *, keep_going: bool = False
    ) -> Generator[Result, None, None]:
        """The results in the order in which batches end; see `Executor`."""
        self._stage += 1
        for each in self._workers:
            each.stage, each.root = self._stage, root.resolve()
        return deal_out(batches, lambda: self._workers, starting, keep_going=keep_going)


class _DeviceWorker:
    """A worker process and its device. place : of its batch among the shares, see `begin`."""

    def __init__(self, device: str, place: int, shares: Array[c_double], processes: int) -> None:
        self.device, self.name = device, f"{device} (worker {place + 1})"
        self.stage, self.root = 0, Path()
        self._place, self._shares = place, shares
        # A pool of its own: when the worker dies, it is known which batch it had.
        self._pool = WorkerPool(1, partial(begin, shares, processes))

    def takes(self, batch: Batch) -> bool:
        return True

    def start(self, batch: Batch) -> Future[Done]:
        self._shares[self._place] = 0
        own = replace(batch, device=self.device) if batch.device else batch
        running = self._pool.submit(work_on, self.stage, self.root, own, self._place)
        told: Future[Done] = Future()

        def tell(ended: Future[Done]) -> None:
            error = ended.exception()
            if isinstance(error, BrokenProcessPool):
                error = WorkerLost(self.name, found="its process died", hint=WHY_IT_DIED)
            if error is not None:
                told.set_exception(error)
            else:
                told.set_result(ended.result())

        running.add_done_callback(tell)
        return told

    def share(self) -> float:
        return self._shares[self._place]

    def close(self) -> None:
        self._pool.close()
