"""Where the jobs of a study run: the executor that its file asks for."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from alignhouse.ingest.features.devices import check_device, devices_named
from alignhouse.study.file import Study
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.executors.devices import Devices
from alignhouse.warehouse.executors.executor import Executor
from alignhouse.warehouse.executors.processes import Processes

if TYPE_CHECKING:
    from alignhouse.warehouse.executors.remote import Dask
    from alignhouse.warehouse.progress import Progress


@dataclass(frozen=True)
class StudyExecutors:
    """The executors of a study.

    Parameters
    ----------
    every : of all stages; None means this process. workers : that share the memory of the study.
    extraction : of the networks alone, if several devices extract them; devices : their names.
    cluster : the same as `every`, if its workers must be admitted to the warehouse.
    """

    every: Executor | None
    workers: int
    devices: Sequence[str]
    extraction: Devices | None = None
    cluster: Dask | None = None


@contextmanager
def executors_of(study: Study, progress: Progress) -> Iterator[StudyExecutors]:
    """The executors of a study; their workers end with the block.

    Raises
    ------
    BadInput : no Dask scheduler answers, or a package is missing.
    """
    compute = study.compute
    if compute.is_on_cluster:
        with _dask(study, progress) as dask:
            # The memory of the study is that of each worker.
            yield StudyExecutors(dask, 1, (compute.device,), cluster=dask)
        return
    devices = devices_named(compute.device)
    with ExitStack() as running:
        processes = None
        if compute.executor == "processes":
            processes = running.enter_context(Processes())
        extraction = running.enter_context(Devices(devices)) if len(devices) > 1 else None
        workers = processes.workers if processes else 1
        yield StudyExecutors(processes, workers, devices, extraction)


@contextmanager
def _dask(study: Study, progress: Progress) -> Iterator[Dask]:
    executor = study.compute.executor
    missing = [name for name in _PACKAGES[executor] if importlib.util.find_spec(name) is None]
    if missing:
        raise BadInput(
            f'executor "{executor}" needs {", ".join(missing)}, which is not installed',
            hint="pip install 'alignhouse[cluster]'",
        )
    from alignhouse.warehouse.executors.remote import Dask, dask_client

    check_gpu = partial(check_device, "cuda") if study.compute.device == "cuda" else None
    if executor == "dask":
        address = str(study.compute.scheduler)
        with dask_client(address, address) as client:
            yield Dask(client, address, check_gpu=check_gpu)
        return
    from alignhouse.study.slurm import slurm_cluster

    with slurm_cluster(study) as cluster, dask_client(cluster, cluster.scheduler_address) as client:
        progress.say(f"Submitted {study.slurm.workers} jobs to SLURM; waiting for the first to start")
        yield Dask(client, cluster.scheduler_address, patience=None, check_gpu=check_gpu)


_PACKAGES = {"dask": ("distributed",), "slurm": ("distributed", "dask_jobqueue")}
