"""What the commands share: options, progress, errors that are shown, which warehouse is meant."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alignhouse.warehouse.errors import PartlyFailed, Stopped

if TYPE_CHECKING:
    from rich.console import Console

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
        envvar="ALIGNHOUSE_WAREHOUSE",
        help="Folder of the warehouse. Default: the only *.alignhouse folder here.",
    ),
]

DeviceOption = Annotated[
    str | None, typer.Option(help="cpu, cuda or cuda:1, instead of the study's own.", metavar="DEVICE")
]
MemoryLimit = Annotated[
    str | None,
    typer.Option("--memory", help="Memory that may be used, e.g. 4GB, instead of the study's own."),
]
ScratchLimit = Annotated[
    str | None, typer.Option("--scratch", help="Disk for temporary files, e.g. 20GB, instead of the study's.")
]


def run_file(
    study_file: Path,
    *,
    until: str,
    report: bool,
    device: str | None = None,
    memory: str | None = None,
    scratch: str | None = None,
) -> None:
    """Do a study up to a stage, within limits that are given instead of its own; say what was done."""
    from alignhouse.study.file import read_study, with_compute
    from alignhouse.study.run import run_study

    began = time.monotonic()
    study = with_compute(read_study(study_file), device=device, memory=memory, scratch=scratch)
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
    """A run that no study file describes, with bars while it lasts; says in the end what was done.

    Parameters
    ----------
    asked : what the run keeps of what was asked for.
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
        typer.echo(f"Done: {jobs_done} jobs in {_duration(time.monotonic() - began)}.")


@contextmanager
def progress() -> Iterator[Bars]:
    """Bars on the terminal; a person's interrupt becomes `Stopped`."""
    from rich.console import Console

    from alignhouse.cli.progress import bars

    with stoppable(), bars(Console(stderr=True)) as shown:
        yield shown


@contextmanager
def stoppable() -> Iterator[None]:
    """A block in which Ctrl-C is an orderly end."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped("stopped", hint="what is done is safe; run the same command again to go on") from None


def which_warehouse(given: Path | None, *, needs_snapshot: bool = True) -> Path:
    """The warehouse that is meant: the one that was named, or the only one here.

    Raises
    ------
    BadInput : none is named, and there is none here, or several.
    """
    from alignhouse.warehouse.errors import BadInput
    from alignhouse.warehouse.store import SNAPSHOT

    if given is not None:
        return given
    pattern = f"*.alignhouse/{SNAPSHOT}" if needs_snapshot else "*.alignhouse/facts"
    found = sorted(path.parent for path in Path().glob(pattern))
    if len(found) != 1:
        raise BadInput(
            "which warehouse is meant?",
            expected="one *.alignhouse folder here",
            found=", ".join(map(str, found)) or "none",
            hint="name it with --warehouse",
        )
    return found[0]


def command() -> str:
    """What the person typed, as runs and locks keep it; without secrets."""
    words, hidden = [], False
    for word in sys.argv[1:]:
        option, equals, _ = word.partition("=")
        words.append("***" if hidden else f"{option}=***" if equals and option in SECRETS else word)
        hidden = word in SECRETS
    return " ".join(["alignhouse", *words])


def _report(study: Study, shown: Bars) -> Path:
    from alignhouse.analysis.report.gather import write_report_of
    from alignhouse.warehouse.store import Warehouse

    with Warehouse.open(study.study.warehouse) as opened:
        return write_report_of(
            opened,
            study.report.path,
            dataset=study.brain.dataset,
            split=study.brain.split,
            group_by=study.report.group_by,
            progress=shown,
        )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def table_console() -> Console:
    """Where tables are printed. A pipe has no width of its own; wrapping there would break what reads it."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 240)
