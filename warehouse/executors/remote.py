"""The executor that runs batches on the workers of a Dask scheduler, on any machine that shares the disk."""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import AlignhouseError, BadInput
from alignhouse.warehouse.executors.admission import (
    GPU,
    PACKAGES,
    check_greeting,
    check_versions,
    greeting,
)
from alignhouse.warehouse.executors.dealing import WorkerLost, deal_out
from alignhouse.warehouse.executors.executor import Result, Starting
from alignhouse.warehouse.executors.leases import Lease
from alignhouse.warehouse.executors.remote_batch import SECONDS_BETWEEN, run_batch
from alignhouse.warehouse.executors.worker import Done
from alignhouse.warehouse.late_files import SECONDS_LATE, appears

if TYPE_CHECKING:
    import distributed

# A batch whose workers are lost so many times ends the run: it may be what ends them.
ATTEMPTS = 3
# How long to wait for the scheduler, and for a first worker where nobody else starts any.
SECONDS_TO_CONNECT = 20
SECONDS_FOR_WORKERS = 60.0


class Dask:
    """An executor whose batches run on the workers of a Dask scheduler, one at a time on each.

    Workers write files into the shared warehouse; this process alone registers them. A batch whose worker is
    lost is dealt to another one, `ATTEMPTS` times in all.

    Parameters
    ----------
    client : connected. where : the scheduler, for errors.
    patience : seconds without any worker after which the run ends; None waits for ever.
    check_gpu : a module-level function that each worker with the resource GPU calls before its first batch;
        it raises an error if the worker cannot use its GPU.
    late : seconds after which a machine sees at the latest what another one has written.
    """

    def __init__(
        self,
        client: distributed.Client,
        where: str,
        *,
        patience: float | None = SECONDS_FOR_WORKERS,
        check_gpu: Callable[[], None] | None = None,
        late: float = SECONDS_LATE,
    ) -> None:
        self._client, self._where = client, where
        self._patience, self._check_gpu, self._late = patience, check_gpu, late
        self._topic = f"alignhouse-{secrets.token_hex(8)}"
        self._workers: dict[str, _DaskWorker] = {}
        self._shares: dict[str, float] = {}
        self._root: Path | None = None
        self._stage = 0
        self._asked_at = -SECONDS_BETWEEN
        self._seen_at = time.monotonic()
        client.subscribe_topic(self._topic, self._heard)

    def admit(self, root: Path) -> None:
        """Wait for workers, and check all that are there.

        Raises
        ------
        BadInput : a worker has other versions, or does not see the warehouse `root`.
        AlignhouseError : no worker comes.
        """
        self._root = root.resolve()
        while not self._present():
            time.sleep(SECONDS_BETWEEN)

    def __call__(
        self, root: Path, batches: Iterable[Batch], starting: Starting, *, keep_going: bool = False
    ) -> Generator[Result, None, None]:
        """The results in the order in which batches end; see `Executor`."""
        self._root = root.resolve()
        self._stage += 1
        try:
            for result in deal_out(
                self._able(batches), self._present, starting, keep_going=keep_going, attempts=ATTEMPTS
            ):
                self._wait_for_files(result)
                yield result
        finally:
            for each in self._workers.values():
                each.take_back()

    def _wait_for_files(self, result: Result) -> None:
        """Wait until this machine sees what a worker has written.

        Raises
        ------
        AlignhouseError : a file does not appear.
        """
        job, made = result
        for artifact in () if isinstance(made, Exception) else made:
            if not appears(artifact.file, self._late):
                raise AlignhouseError(
                    f"{job.label}: a worker has written {artifact.path}",
                    expected=f"the file here, within {self._late:.0f} s",
                    found="no such file",
                    hint="do all machines mount the same disk? run the same command again to continue",
                )

    def _able(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The same batches; raises BadInput at one for a GPU if workers are there, and none has one."""
        for batch in batches:
            there = self._present() if _needs_gpu(batch) else []
            if there and not any(each.takes(batch) for each in there):
                raise BadInput(
                    f"{batch.jobs[0].label} computes on {batch.device}",
                    expected=f"a Dask worker with the resource {GPU}",
                    found=f"{len(there)} workers of {self._where} without",
                    hint=f"start workers beside GPUs with --resources {GPU}=1, or set compute.device to cpu",
                )
            yield batch

    def _heard(self, event: tuple[float, tuple[str, float]]) -> None:
        lease, share = event[1]
        self._shares[lease] = share

    def _present(self) -> Sequence[_DaskWorker]:
        """The workers that are there and have been checked.

        Raises
        ------
        AlignhouseError : the scheduler has gone, or no worker comes. BadInput : a worker is refused.
        """
        if time.monotonic() - self._asked_at >= SECONDS_BETWEEN:
            there: Mapping[str, Any] = self._told(self._identity)["workers"]
            for address in self._workers.keys() - there.keys():
                self._workers.pop(address).has_gone()
            self._check({name: each for name, each in there.items() if name not in self._workers})
            self._asked_at = time.monotonic()
        if self._workers:
            self._seen_at = time.monotonic()
        elif self._patience is not None and time.monotonic() - self._seen_at > self._patience:
            raise AlignhouseError(
                f"no worker at the Dask scheduler {self._where}",
                found=f"none for {self._patience:.0f} s",
                hint=f"start some: dask worker {self._where} --nthreads 1; finished work is safe",
            )
        return list(self._workers.values())

    def _identity(self) -> Any:
        """What the scheduler says of itself. `Client.scheduler_info` may leave workers out."""
        scheduler = self._client.scheduler
        if scheduler is None:
            raise OSError("the connection is closed")
        return self._client.sync(scheduler.identity, n_workers=-1)

    def _check(self, new: Mapping[str, Mapping[str, Any]]) -> None:
        """Check workers, and let them have batches. new : address -> what the scheduler says of it."""
        if not new:
            return
        from distributed.versions import get_versions

        assert self._root is not None
        packages = list(PACKAGES)
        versions = self._told(lambda: self._client.get_versions(packages=packages)["workers"])
        here = get_versions(packages)
        known = [address for address in new if isinstance(versions.get(address), Mapping)]
        for address in known:
            check_versions(address, versions[address], here)
        lease = Lease(self._root)
        try:
            said = self._told(
                lambda: self._client.run(greeting, lease.file, self._late, workers=known, on_error="return")
            )
        finally:
            lease.take_back()
        for address in known:
            if isinstance(said.get(address), Exception | None):
                # It left meanwhile; or comes again with the next look.
                continue
            gpu = bool(new[address].get("resources", {}).get(GPU))
            check_greeting(address, said[address], lease.token, self._root, gpu=gpu)
            if gpu and self._check_gpu is not None:
                self._told(partial(self._client.run, self._check_gpu, workers=[address]))
            self._workers[address] = _DaskWorker(self, address, gpu=gpu)

    def _told(self, ask: Callable[[], Any]) -> Any:
        """What the scheduler answers; its end becomes one error."""
        try:
            answer = ask()
        except (OSError, TimeoutError, RuntimeError) as error:
            raise self._gone() from error
        if self._client.status != "running":
            raise self._gone()
        return answer

    def _gone(self) -> AlignhouseError:
        return AlignhouseError(
            f"the Dask scheduler {self._where} no longer answers",
            hint="finished work is safe; start a scheduler and workers, and run the same command again",
        )

    def submit(self, worker: str, batch: Batch, lease: Lease) -> distributed.Future:
        """Send a batch to a worker."""
        assert self._root is not None
        # A batch is sent whole; `distributed` warns about large arguments.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return self._client.submit(
                run_batch,
                self._root,
                batch,
                (lease.file, lease.token),
                (self._topic, self._stage),
                self._late,
                key=f"{batch.jobs[0].label} {lease.token[:12]}",
                workers=[worker],
                resources={GPU: 1} if _needs_gpu(batch) else None,
                pure=False,
            )

    def lease(self) -> Lease:
        """A lease for one attempt of a batch."""
        assert self._root is not None
        return Lease(self._root)

    def share_of(self, lease: Lease) -> float:
        """How far the batch of this lease is, from 0 to 1, as its worker last said."""
        return self._shares.get(lease.file.name, 0.0)


class _DaskWorker:
    """A worker of the cluster. name : its address. gpu : whether it has the resource GPU."""

    def __init__(self, executor: Dask, name: str, *, gpu: bool) -> None:
        self.name = name
        self._executor, self._gpu = executor, gpu
        self._current: tuple[Lease, Future[Done], distributed.Future] | None = None

    def takes(self, batch: Batch) -> bool:
        return self._gpu or not _needs_gpu(batch)

    def start(self, batch: Batch) -> Future[Done]:
        self.take_back()
        told: Future[Done] = Future()
        lease = self._executor.lease()
        try:
            remote = self._executor.submit(self.name, batch, lease)
        except Exception as error:  # It cannot be pickled.
            lease.take_back()
            told.set_exception(error)
            return told
        self._current = lease, told, remote
        remote.add_done_callback(lambda ended: _tell(ended, told))
        return told

    def share(self) -> float:
        return 0.0 if self._current is None else self._executor.share_of(self._current[0])

    def take_back(self) -> None:
        """End its batch at the next step, unless it has ended."""
        if self._current is not None:
            lease, _, remote = self._current
            self._current = None
            lease.take_back()
            with contextlib.suppress(Exception):  # The scheduler may have gone.
                remote.cancel()

    def has_gone(self) -> None:
        """The scheduler no longer knows it."""
        if self._current is not None:
            told = self._current[1]
            self.take_back()
            with contextlib.suppress(InvalidStateError):
                told.set_exception(_lost(self.name, "it left the scheduler"))


def _needs_gpu(batch: Batch) -> bool:
    return batch.device.startswith("cuda")


def _lost(worker: str, found: str) -> WorkerLost:
    return WorkerLost(
        worker,
        found=found,
        hint="its log says more; did it run out of memory? run the same command again to continue",
    )


def _tell(ended: distributed.Future, told: Future[Done]) -> None:
    """Pass on how a remote batch ended. One that was cancelled has been told already."""
    from distributed.scheduler import KilledWorker

    with contextlib.suppress(InvalidStateError):
        if ended.status == "finished":
            told.set_result(ended.result())
        elif ended.status == "error":
            error = ended.exception()
            is_killed = isinstance(error, KilledWorker)
            told.set_exception(_lost(str(error.last_worker), "it died") if is_killed else error)


@contextlib.contextmanager
def dask_client(scheduler: Any, where: str) -> Iterator[distributed.Client]:
    """A client of a Dask scheduler; its batches are cancelled when the block ends.

    Parameters
    ----------
    scheduler : the address, or a cluster of dask. where : the same for errors.

    Raises
    ------
    BadInput : no scheduler answers there.
    """
    from distributed import Client

    _only_errors_of_ours()
    try:
        client = Client(scheduler, timeout=SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise BadInput(
            f"Dask scheduler {where}",
            found=error,
            hint="start one with `dask scheduler`, and give its address: tcp://HOST:8786",
        ) from error
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):
            client.close(timeout=2)


def _only_errors_of_ours() -> None:
    """Silence the loggers of distributed in this process: what goes wrong is an error of one line."""
    import distributed  # which sets their levels

    assert distributed
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
