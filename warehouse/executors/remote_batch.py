"""What a worker of Dask does with a batch that its coordinator sends."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.executors.executor import WRITING
from alignhouse.warehouse.executors.leases import Leased
from alignhouse.warehouse.executors.worker import Done, Sent, work
from alignhouse.warehouse.late_files import patient

# How often a worker says how far it is, and the coordinator asks which workers there are.
SECONDS_BETWEEN = 0.5


def run_batch(root: Path, batch: Batch, lease: tuple[Path, str], stage: tuple[str, int], late: float) -> Done:
    """Run a batch in a worker of Dask.

    Parameters
    ----------
    lease : file and token; see `Lease`. stage : the topic of the run, and the number of the stage.
    late : seconds to wait for a file that another machine has written.
    """
    from distributed import get_worker

    worker, leased = get_worker(), Leased(*lease)
    said_at = 0.0

    def share(done: float) -> None:
        nonlocal said_at
        leased.check()
        if time.monotonic() - said_at > SECONDS_BETWEEN:
            said_at = time.monotonic()
            worker.log_event(stage[0], (lease[0].name, done))

    with patient(late):
        leased.begin()
        return work(root, batch, Leasing(share, leased), stage)


class Leasing(Sent):
    """The reporter in a worker of Dask. It looks at the lease at each step, and before files are written."""

    def __init__(self, share: Callable[[float], None], leased: Leased) -> None:
        super().__init__(share)
        self._leased = leased

    def doing(self, what: str) -> None:
        self._leased.check(now=what == WRITING)
