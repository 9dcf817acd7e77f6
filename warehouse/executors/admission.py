"""Which workers of a cluster get batches: those with the coordinator's versions that see the warehouse."""

from __future__ import annotations

import multiprocessing
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.executors.leases import read_token
from alignhouse.warehouse.late_files import appears

# Packages that compute results, write files, or carry batches. torch has builds for a CPU and for CUDA.
PACKAGES = ("alignhouse", "cloudpickle", "distributed", "numpy", "polars", "pyarrow", "scipy", "torch")
# A worker with GPUs says how many batches may use them at a time: `--resources GPU=1`.
GPU = "GPU"


def check_versions(worker: str, found: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise BadInput if a worker has other versions than the coordinator.

    Parameters
    ----------
    worker : its address. found, here : what `distributed` says of the worker and of this process:
        "packages" -> name -> version; "host" -> facts.
    """
    theirs, ours = _versions(found), _versions(here)
    unlike = [name for name in ours if theirs[name] != ours[name]]
    if unlike:
        raise BadInput(
            f"Dask worker {worker}",
            expected=", ".join(f"{name} {ours[name] or 'missing'}" for name in unlike),
            found=", ".join(f"{name} {theirs[name] or 'missing'}" for name in unlike),
            hint="install there what this machine has",
        )


def _versions(said: Mapping[str, Any]) -> dict[str, str]:
    """Python's minor version and the public versions of packages; "" for missing ones."""
    python = ".".join(str(said["host"]["python"]).split(".")[:2])
    packages = {name: (said["packages"].get(name) or "").partition("+")[0] for name in PACKAGES}
    return {"Python": python, **packages}


def greeting(file: Path, seconds: float) -> dict[str, Any]:
    """What a worker answers before its first batch.

    Parameters
    ----------
    file : of a lease in the warehouse. seconds : to wait for it, if a warehouse is there.
    """
    if file.parents[1].is_dir():
        appears(file, seconds)
    return {
        "token": read_token(file),
        "host": socket.gethostname(),
        "daemon": multiprocessing.current_process().daemon,
    }


def check_greeting(worker: str, said: Mapping[str, Any], token: str, root: Path, *, gpu: bool) -> None:
    """Raise BadInput if a worker does not see the warehouse, or cannot start the readers of its GPU.

    Parameters
    ----------
    token : of the lease that the worker was to read. root : the warehouse.
    """
    if said["token"] != token:
        raise BadInput(
            f"Dask worker {worker} on {said['host']}",
            expected=f"the warehouse {root}, at this path",
            found="another folder, or none",
            hint="put the warehouse on a disk that all machines share, and mount it at the same place",
        )
    if gpu and said["daemon"]:
        raise BadInput(
            f"Dask worker {worker} on {said['host']}",
            expected="a process that may start others, which read stimuli for its GPU",
            found="a daemonic one",
            hint="set DASK_DISTRIBUTED__WORKER__DAEMON=False where it is started",
        )
