"""Where jobs run. An executor is handed jobs and yields their artifacts as they are done.

Jobs only write files; whoever consumes the executor registers them, so a warehouse has one writer however
many workers there are. An executor for a cluster has this very signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from warehouse.artifacts import Artifact, work
from warehouse.jobs import Job, Tick

Executor = Callable[[Path, Iterable[Job], Callable[[Job], Tick]], Iterator[tuple[Job, list[Artifact]]]]


def local(
    root: Path, jobs: Iterable[Job], starting: Callable[[Job], Tick]
) -> Iterator[tuple[Job, list[Artifact]]]:
    """One job after the other in this process; numpy and torch use the cores inside a job."""
    for job in jobs:
        yield job, work(root, job, starting(job))
