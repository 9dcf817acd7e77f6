"""The jobs that a study submits to SLURM: one worker of Dask each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alignhouse.study.file import Study
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    from dask_jobqueue import SLURMCluster

# Otherwise workers could not start the processes that read stimuli for a GPU.
_PROLOGUE = ("export DASK_DISTRIBUTED__WORKER__DAEMON=False",)


def _options(study: Study) -> dict[str, Any]:
    """The options of dask-jobqueue. A worker runs one batch at a time, which may use all cores of its job."""
    asked = study.slurm
    gpu = ["--gres=gpu:1"] if asked.gpus else []
    return {
        "queue": asked.partition,
        "account": asked.account,
        "walltime": asked.walltime,
        "processes": 1,
        "cores": 1,
        "job_cpu": asked.cores,
        "memory": f"{asked.memory}B",
        "interface": asked.interface,
        "job_name": "alignhouse",
        "log_directory": str(study.study.warehouse.absolute().parent / "slurm-logs"),
        "job_extra_directives": [*gpu, *asked.directives],
        "job_script_prologue": [
            *_PROLOGUE,
            f"export DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON__OMP_NUM_THREADS={asked.cores}",
            *asked.prologue,
        ],
        "worker_extra_args": ["--resources", "GPU=1"] if asked.gpus else [],
    }


def check_slurm(study: Study) -> None:
    """Raise BadInput if the jobs do not fit the study."""
    asked, compute = study.slurm, study.compute
    if compute.executor != "slurm":
        raise BadInput(
            "the job script",
            expected='executor "slurm" in [compute]',
            found=compute.executor,
            hint="`alignhouse ingest networks --dry-run` estimates what a study needs",
        )
    if (compute.device == "cuda") != (asked.gpus > 0):
        raise BadInput(
            f"slurm.gpus = {asked.gpus} with compute.device = {compute.device!r}",
            expected="gpus = 1 with cuda, 0 with cpu",
        )
    if asked.memory <= compute.memory:
        raise BadInput(
            "slurm.memory",
            expected=f"more than compute.memory, {compute.memory:,} bytes",
            found=f"{asked.memory:,} bytes",
            hint="programs and networks need memory beside the buffers",
        )


@contextmanager
def slurm_cluster(study: Study) -> Iterator[SLURMCluster]:
    """A scheduler in this process, and the jobs of its workers; they are cancelled when the block ends.

    Raises
    ------
    BadInput : the jobs do not fit the study, or `sbatch` refuses them.
    """
    check_slurm(study)
    from dask_jobqueue import SLURMCluster

    try:
        cluster = SLURMCluster(**_options(study))
    except (OSError, ValueError, RuntimeError) as error:
        raise BadInput("the scheduler for SLURM's jobs", found=error) from error
    with cluster:
        cluster.scale(jobs=study.slurm.workers)
        yield cluster


def job_script(study: Study) -> str:
    """The job script that the study submits, without starting anything.

    The port of the scheduler is the only thing that is not known before it runs.
    """
    check_slurm(study)
    from dask_jobqueue.slurm import SLURMJob

    # The interface is that of the scheduler.
    options = {key: value for key, value in _options(study).items() if key != "interface"}
    job = SLURMJob(scheduler="tcp://THIS_HOST:PORT", name="WORKER", **options)
    return str(job.job_script())
