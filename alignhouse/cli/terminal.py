"""Shared by all commands: options, progress, errors."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignhouse.cli.pace import in_words
from alignhouse.cli.which import WAREHOUSE_VARIABLE
from alignhouse.warehouse.errors import PartlyFailed, Stopped

if TYPE_CHECKING:
    from alignhouse.cli.progress import Bars
    from alignhouse.study.file import Study
    from alignhouse.warehouse.runs import Run

SECRETS = ("--password",)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file.")]
WarehouseOption = Annotated[
    Path | None,
    typer.Option(
        "--warehouse",
        "-w",
        envvar=WAREHOUSE_VARIABLE,
        help="Folder of the warehouse. Default: the only *.alignhouse folder here.",
    ),
]

DeviceOption = Annotated[
    str | None,
    typer.Option(
        help="cpu, cuda (all GPUs), cuda:0,cuda:1 or mps; overrides the study file.", metavar="DEVICE"
    ),
]
MemoryLimit = Annotated[
    str | None,
    typer.Option(
        "--memory",
        help="Memory for buffers of data, e.g. 4GB, beside programs and networks; overrides the study file.",
    ),
]
ScratchLimit = Annotated[
    str | None,
    typer.Option("--scratch", help="Disk for temporary files, e.g. 20GB; overrides the study file."),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        help="Run jobs on the workers of this Dask scheduler, tcp://HOST:8786; overrides the study file.",
        metavar="ADDRESS",
    ),
]


def run_file(
    study_file: Path,
    *,
    until: str,
    report: bool,
    device: str | None = None,
    memory: str | None = None,
    scratch: str | None = None,
    scheduler: str | None = None,
) -> None:
    """Run a study up to a stage and print what was done. The other options override those of its file."""
    from alignhouse.study.file import read_study, with_compute
    from alignhouse.study.run import run_study

    began = time.monotonic()
    study = with_compute(
        read_study(study_file), device=device, memory=memory, scratch=scratch, scheduler=scheduler
    )
    with progress() as shown:
        finished = run_study(study, command=command(), until=until, progress=shown)
        page = _report(study, shown) if report else None
    _say_done(finished.jobs_done, began)
    typer.echo(f"Warehouse: {finished.warehouse}")
    if page is not None:
        typer.echo(f"Report: {page}")
    if finished.failed:
        typer.echo("Failed:")
        for name, reason in finished.failed.items():
            typer.echo(f"  {name}: {reason}")
        raise PartlyFailed(
            f"networks that failed: {len(finished.failed)}",
            found=", ".join(finished.failed),
            hint="the others are done; run it again to try these again, or exclude them",
        )


@contextmanager
def run_on(warehouse: Path, asked: Mapping[str, Any]) -> Iterator[Run]:
    """A run without a study file, with progress bars; prints at the end what was done.

    Parameters
    ----------
    asked : the request, which is stored with the run.
    """
    from alignhouse.warehouse.runs import Run
    from alignhouse.warehouse.store import Writer

    began = time.monotonic()
    with (
        progress() as shown,
        Writer(warehouse, command()) as writer,
        Run(writer, command(), asked, shown) as run,
    ):
        yield run
    _say_done(run.jobs_done, began)


def _say_done(jobs_done: int, began: float) -> None:
    if jobs_done == 0:
        typer.echo("Nothing to do: everything that this asks for is in the warehouse already.")
    else:
        typer.echo(f"Done: {jobs_done} jobs in {in_words(time.monotonic() - began)}.")


@contextmanager
def progress() -> Iterator[Bars]:
    """Progress bars on the terminal; Ctrl-C becomes `Stopped`."""
    from alignhouse.cli.progress import bars
    from alignhouse.console import plain_console

    with stoppable(), bars(plain_console(stderr=True)) as shown:
        yield shown


@contextmanager
def stoppable() -> Iterator[None]:
    """A block in which Ctrl-C raises `Stopped`."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(
            "stopped", hint="finished work is safe; run the same command again to continue"
        ) from None


def command() -> str:
    """The command line as it is stored with runs and locks; without secrets."""
    words, hidden = [], False
    for word in sys.argv[1:]:
        option, equals, _ = word.partition("=")
        words.append("***" if hidden else f"{option}=***" if equals and option in SECRETS else word)
        hidden = word in SECRETS
    return " ".join(["alignhouse", *words])


def own_command() -> str:
    """What a user must type to run this command line: its path, if the shell does not find it."""
    found = shutil.which("alignhouse")
    own = Path(sys.argv[0])
    if own.name != "alignhouse" or (found is not None and Path(found).samefile(own)):
        return "alignhouse"
    return os.path.relpath(own) if own.is_absolute() else str(own)


def _report(study: Study, shown: Bars) -> Path:
    from alignhouse.analysis.report.gather import write_report_of
    from alignhouse.warehouse.reader import Warehouse

    with Warehouse.open(study.study.warehouse) as opened:
        return write_report_of(
            opened,
            study.report.path,
            dataset=study.brain.dataset,
            split=study.brain.split,
            group_by=study.report.group_by,
            progress=shown,
        )
