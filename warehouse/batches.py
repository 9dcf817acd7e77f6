"""Batches: the jobs that one call makes together, and that call.

A batch is plain data too: a module-level function and plain arguments. So it can be pickled and done in
another process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from alignhouse.warehouse.jobs import Job, Output


class Reporter(Protocol):
    """What the function of a batch reports its progress to."""

    def step(self, done: int, total: int) -> None:
        """The current job has done some of its steps."""

    def say(self, line: str) -> None:
        """A line for the person who watches."""


@dataclass(frozen=True)
class Batch:
    """Jobs that one call makes together.

    Parameters
    ----------
    jobs : in the order in which the call makes them.
    call : a module-level function `call(jobs, reporter, **shared)`. It yields the outputs of each job, in
        the order of `jobs`. It takes what changes a result from `Job.settings` alone.
    shared : where things are and how much memory there is: picklable arguments that change no result.
    sizes : a size per job; () counts each job as 1. most : `divided` makes no call larger than this; None
        leaves all jobs in one call.
    divisible : if the call fails on bad input, each job is tried alone, so that only the bad one fails.
    prepare : a module-level function that `call` gets the result of, as its argument `prepared`. It is called
        as `prepare(**shared)`.
    ahead : an executor may call `prepare` in a thread while the batch before this one is still being made.
    """

    jobs: tuple[Job, ...]
    call: Callable[..., Iterable[Iterable[Output]]]
    shared: Mapping[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...] = ()
    most: int | None = None
    divisible: bool = False
    prepare: Callable[..., Any] | None = None
    ahead: bool = False

    def __post_init__(self) -> None:
        if self.sizes and len(self.sizes) != len(self.jobs):
            raise ValueError(f"sizes of a batch: expected {len(self.jobs)}, found {len(self.sizes)}")

    def divided(self, missing: Collection[str]) -> Iterator[Batch]:
        """The batch without the jobs whose keys are not `missing`, in pieces of at most `most` in size.

        A single job that is larger makes a piece of its own.
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
        """A batch for each job."""
        return (self._only([index]) for index in range(len(self.jobs)))

    def prepared(self) -> Any:
        """What `prepare` gives; None for a batch that prepares nothing."""
        return None if self.prepare is None else self.prepare(**self.shared)

    def outputs(self, reporter: Reporter, prepared: Any = None) -> Iterator[Sequence[Output]]:
        """Call the function: the outputs of each job, in their order.

        Parameters
        ----------
        prepared : the result of `prepared()`.
        """
        own = {} if self.prepare is None else {"prepared": prepared}
        made = iter(self.call(self.jobs, reporter, **self.shared, **own))
        for job in self.jobs:
            outputs = next(made, None)
            if outputs is None:
                raise RuntimeError(f"{self.call.__name__} gave no outputs for {job.label}")
            yield list(outputs)
        if next(made, None) is not None:
            raise RuntimeError(f"{self.call.__name__} gave outputs for more jobs than it was handed")

    def _only(self, indices: Sequence[int]) -> Batch:
        return replace(
            self,
            jobs=tuple(self.jobs[index] for index in indices),
            sizes=tuple(self.sizes[index] for index in indices) if self.sizes else (),
        )


def single(job: Job, make: Callable[..., Iterable[Output]], **shared: Any) -> Batch:
    """A batch of one job.

    Parameters
    ----------
    make : a module-level function `make(job, reporter, **shared)` that gives the job's outputs.
    """
    return Batch((job,), _make_one, {"make": make, **shared})


def _make_one(
    jobs: Sequence[Job], reporter: Reporter, make: Callable[..., Iterable[Output]], **shared: Any
) -> Iterator[Iterable[Output]]:
    [job] = jobs
    yield make(job, reporter, **shared)
