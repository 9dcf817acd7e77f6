"""Batches: jobs that one function call does together, and the call itself.

A batch, like a job, is plain data: a module-level function and plain arguments. So it can be pickled and run
in another process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from alignhouse.warehouse.jobs import Job, Output


class Reporter(Protocol):
    """What the function of a batch reports its progress to."""

    def step(self, done: int, total: int) -> None:
        """The call has done `done` of the `total` steps that its jobs take together."""

    def doing(self, what: str) -> None:
        """What the call does from now on, in a few words, such as "making RDMs"."""

    def say(self, line: str) -> None:
        """Show a line of text to the user."""

    def took(self, job: str, started_at: str, seconds: float) -> None:
        """An executor measured elsewhere how long a job took. job : its key. started_at : UTC, ISO 8601."""


@dataclass(frozen=True)
class Batch:
    """Jobs that one function call does together.

    Parameters
    ----------
    jobs : in the order in which the call does them.
    call : a module-level function `call(jobs, reporter, **shared)`. It yields the outputs of each job, in
        the order of `jobs`. Everything that changes a result must come from `Job.settings`.
    shared : picklable arguments that change no result, such as paths and memory limits.
    sizes : a size per job; () counts each job as 1. most : the largest total size of one call, see `divided`;
        None keeps all jobs in one call.
    work : the work of each job, for the time left, in a unit that fits the other batches of the same stage;
        () uses `sizes`.
    divisible : if the call fails on bad input, each job is tried alone, so that only the bad one fails.
    prepare : a module-level function, called as `prepare(**shared)`. `call` receives its result as the
        argument `prepared`.
    ahead : an executor may call `prepare` in a thread while the previous batch still runs.
    preparing : what `prepare` does, for progress bars.
    device : the device that `call` computes on, "cuda:1" for example; `call` receives it as the argument
        `device`. An executor whose workers own a device each passes that of the worker. "" : `call` needs
        none.
    """

    jobs: tuple[Job, ...]
    call: Callable[..., Iterable[Iterable[Output]]]
    shared: Mapping[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...] = ()
    most: int | None = None
    work: tuple[float, ...] = ()
    divisible: bool = False
    prepare: Callable[..., Any] | None = None
    ahead: bool = False
    preparing: str = "preparing"
    device: str = ""

    def __post_init__(self) -> None:
        for name, values in (("sizes", self.sizes), ("work", self.work)):
            if values and len(values) != len(self.jobs):
                raise ValueError(f"{name} of a batch: expected {len(self.jobs)}, found {len(values)}")

    def work_of_jobs(self) -> dict[str, float]:
        """Key -> work, for each job."""
        work = self.work or self.sizes or (1,) * len(self.jobs)
        return {job.key: float(of_job) for job, of_job in zip(self.jobs, work, strict=True)}

    def divided(self, missing: Collection[str]) -> Iterator[Batch]:
        """Keep only the jobs whose keys are in `missing`, and split them into batches of size at most `most`.

        A single job that is larger than `most` gets its own batch.
        """
        sizes = self.sizes or (1,) * len(self.jobs)
        piece: list[int] = []
        for index, job in enumerate(self.jobs):
            if job.key not in missing or any(self.jobs[each].key == job.key for each in piece):
                continue
            total = sum(sizes[each] for each in piece) + sizes[index]
            if piece and self.most is not None and total > self.most:
                yield self._only(piece)
                piece = []
            piece.append(index)
        if piece:
            yield self._only(piece)

    def singly(self) -> Iterator[Batch]:
        """Split into one batch per job."""
        return (self._only([index]) for index in range(len(self.jobs)))

    def prepared(self) -> Any:
        """The result of `prepare`; None if the batch has no such function."""
        return None if self.prepare is None else self.prepare(**self.shared)

    def outputs(self, reporter: Reporter, prepared: Any = None) -> Iterator[Sequence[Output]]:
        """Call the function and yield the outputs of each job, in the order of the jobs.

        Parameters
        ----------
        prepared : the result of `prepared()`.
        """
        own = {} if self.prepare is None else {"prepared": prepared}
        if self.device:
            own["device"] = self.device
        made = iter(self.call(self.jobs, reporter, **self.shared, **own))
        for job in self.jobs:
            outputs = next(made, None)
            if outputs is None:
                raise RuntimeError(f"{self.call.__name__} yielded no outputs for {job.label}")
            yield list(outputs)
        if next(made, None) is not None:
            raise RuntimeError(f"{self.call.__name__} yielded outputs for more jobs than it received")

    def _only(self, indices: Sequence[int]) -> Batch:
        return replace(
            self,
            jobs=tuple(self.jobs[index] for index in indices),
            sizes=tuple(self.sizes[index] for index in indices) if self.sizes else (),
            work=tuple(self.work[index] for index in indices) if self.work else (),
        )


def single(job: Job, make: Callable[..., Iterable[Output]], **shared: Any) -> Batch:
    """A batch of one job.

    Parameters
    ----------
    make : a module-level function `make(job, reporter, **shared)` that returns the job's outputs.
    """
    return Batch((job,), _make_one, {"make": make, **shared})


def _make_one(
    jobs: Sequence[Job], reporter: Reporter, make: Callable[..., Iterable[Output]], **shared: Any
) -> Iterator[Iterable[Output]]:
    [job] = jobs
    yield make(job, reporter, **shared)
