"""The sections of a study file that say where its jobs run."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from alignhouse.study.section import Section
from alignhouse.warehouse.sizes import parse_bytes

Bytes = Annotated[int, BeforeValidator(parse_bytes)]
# Executors whose workers may be on other machines.
ON_CLUSTERS = ("dask", "slurm")


class ComputeSection(Section):
    device: str = Field(
        "cpu",
        pattern=r"^(cpu(,cpu)*|mps|cuda|cuda:\d+(,cuda:\d+)*)$",
        description="cpu, mps (Apple chips), cuda (all GPUs that are visible), or some: cuda:0,cuda:1",
    )
    memory: Bytes = Field(
        8 * 10**9,
        description="memory for buffers, e.g. 8GB; beside it: programs 0.8 GB, network, brain RDMs",
    )
    scratch: Bytes = Field(100 * 10**9, description="disk for temporary files, e.g. 100GB")
    executor: Literal["local", "processes", "dask", "slurm"] = Field(
        "local",
        description="where jobs run: this process, processes (one per core), dask, or slurm: docs/cluster.md",
    )
    scheduler: str | None = Field(
        None,
        pattern=r"^[a-z]+://\S+$",
        description='address of the Dask scheduler, for executor "dask": tcp://host:8786',
    )

    @property
    def is_on_cluster(self) -> bool:
        """Whether batches run in workers that may be on other machines, each with its own memory and GPU."""
        return self.executor in ON_CLUSTERS

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.executor == "dask") != (self.scheduler is not None):
            raise ValueError('a scheduler if, and only if, executor is "dask"')
        if self.is_on_cluster and (":" in self.device or "," in self.device):
            raise ValueError(f'device "cuda" or "cpu": each worker of {self.executor} has a GPU of its own')
        names = self.device.split(",")
        if "cpu" not in names and len(set(names)) < len(names):
            raise ValueError("each GPU once")
        return self


class SlurmSection(Section):
    """The jobs that executor "slurm" submits, one worker each."""

    workers: int = Field(1, ge=1, description="jobs to submit, one worker each")
    partition: str | None = Field(None, description="partition; default: that of the cluster")
    account: str | None = Field(None, description="account that pays; default: yours")
    walltime: str = Field("24:00:00", description="time limit of a job: HH:MM:SS or D-HH:MM:SS")
    cores: int = Field(4, ge=1, description="cores of a job")
    memory: Bytes = Field(16 * 10**9, description="memory of a job: more than compute.memory, e.g. 16GB")
    gpus: int = Field(0, ge=0, le=1, description="1 where compute.device is cuda: a worker uses one GPU")
    directives: list[str] = Field([], description='more lines after #SBATCH, e.g. "--constraint=a100"')
    prologue: list[str] = Field([], description='lines before the worker starts, e.g. "module load cuda"')
    interface: str | None = Field(None, description="network interface of the scheduler here, e.g. ib0")
