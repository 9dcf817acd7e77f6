"""The command line: thin wrappers over public functions, so that a notebook can do all that it can.

What a command needs is imported inside it: `alignhouse --help` loads neither torch nor plotnine.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from warehouse.errors import AlignhouseError, Stopped

if TYPE_CHECKING:
    from alignhouse.progress import Bars
    from alignhouse.study import Study

app = typer.Typer(
    help="How well do neural networks align with human brains that watch the same videos?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
ingest_app = typer.Typer(help="From raw files to stored RDMs.", no_args_is_help=True)
analyse_app = typer.Typer(help="From stored RDMs to facts.", no_args_is_help=True)
app.add_typer(ingest_app, name="ingest")
app.add_typer(analyse_app, name="analyse")

OWN_PACKAGES = ("alignhouse", "analysis", "ingest", "sql", "warehouse")
FREE_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}


class Format(StrEnum):
    """How a table is written."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


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
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to write the answer.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="File to write to; parquet needs one. Default: the terminal."),
]


@app.callback()
def _every_command(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    _settings["debug"] = debug


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="STUDY.toml", help="Where to write it.")] = Path(
        "study.toml"
    ),
) -> None:
    """Write a study file with every key, its default and what it means.

    Example: `alignhouse init my_study.toml`
    """
    from alignhouse.template import study_template
    from warehouse.errors import BadInput

    if file.exists():
        raise BadInput(f"{file} exists", hint="choose another name, or remove it")
    file.write_text(study_template(), encoding="utf-8")
    typer.echo(f"Wrote {file}; fill in the paths, then: alignhouse run {file}")


@app.command()
def run(
    study: StudyFile,
    report: Annotated[bool, typer.Option(help="Write the report when all is done.")] = True,
) -> None:
    """Do a study, or what is still missing of it; can be stopped and started at will.

    Example: `alignhouse run my_study.toml`
    """
    _run(study, until="analysis", report=report)


@ingest_app.command("inputs")
def ingest_inputs(study: StudyFile) -> None:
    """Read and check stimuli and brain data; store betas and brain RDMs.

    Example: `alignhouse ingest inputs my_study.toml`
    """
    _run(study, until="inputs", report=False)


@ingest_app.command("networks")
def ingest_networks(study: StudyFile) -> None:
    """Extract the RDMs of the study's networks (and ingest its inputs, where that is still to do).

    Example: `alignhouse ingest networks my_study.toml`
    """
    _run(study, until="networks", report=False)


@analyse_app.command("rsa")
def analyse_rsa(study: StudyFile) -> None:
    """Score every layer in every region: alignment, noise ceilings, nulls, p-values, group comparisons.

    Example: `alignhouse analyse rsa my_study.toml`
    """
    _run(study, until="analysis", report=False)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to put the demo study.")] = Path("."),
) -> None:
    """Make a miniature data set, do a whole study on it, and write its report; minutes on two cores.

    Brains are simulated and networks untrained, and everything that comes of it says so.

    Example: `alignhouse demo`
    """
    from alignhouse.demo.study import make_demo_study

    with _progress() as shown:
        study_file = make_demo_study(folder, progress=shown)
    _run(study_file, until="analysis", report=True)
    typer.echo("Ask it something:  alignhouse ask alignment_by_model_type --warehouse demo.alignhouse")


@app.command(context_settings=FREE_OPTIONS)
def ask(
    context: typer.Context,
    question: Annotated[
        str | None, typer.Argument(help="A named question; without one, all are listed.")
    ] = None,
    warehouse: WarehouseOption = None,
    format: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Ask a named question. A question's own parameters are options: `--roi V1`.

    Examples: `alignhouse ask`, `alignhouse ask alignment_by_layer_depth --roi V1 --by arch_type`
    """
    from alignhouse.answers import list_questions, options, write
    from warehouse.store import Warehouse

    if question is None:
        list_questions()
        return
    given = options(question, context.args)
    with Warehouse.open(_warehouse(warehouse)) as opened:
        write(opened.ask(question, **given), format.value, out)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="Any SQL; the tables are described in docs/schema.md.")],
    warehouse: WarehouseOption = None,
    format: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Ask anything in SQL (DuckDB's dialect); the warehouse is read-only.

    Example: `alignhouse sql "select roi, max(rho) from best_layer group by roi"`
    """
    import duckdb

    from alignhouse.answers import write
    from warehouse.errors import BadInput
    from warehouse.store import Warehouse

    with Warehouse.open(_warehouse(warehouse)) as opened:
        try:
            answer = opened.sql(query)
        except duckdb.Error as error:
            raise BadInput("the SQL was refused", found=str(error)) from error
        if answer is None:
            raise BadInput("the SQL gives no rows", expected="a query, such as select ... from best_layer")
        write(answer, format.value, out)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder to write index.html and the figures to.")],
    warehouse: WarehouseOption = None,
    dataset: Annotated[
        str | None, typer.Option(help="Which data set, where the warehouse has several.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Which split, where the data set has several.")] = None,
    group_by: Annotated[
        list[str] | None, typer.Option(help="What figures group by; can be repeated.")
    ] = None,
) -> None:
    """Write the report of what a warehouse holds: one page, figures as PDF and PNG.

    Example: `alignhouse report my-report --warehouse bmd.alignhouse --group-by arch_type`
    """
    from analysis.report.gather import write_report_of
    from warehouse.store import Warehouse

    with Warehouse.open(_warehouse(warehouse)) as opened, _progress() as shown:
        page = write_report_of(opened, folder, dataset=dataset, split=split, group_by=group_by, say=shown.say)
    typer.echo(f"Report: {page}")


@app.command()
def check(warehouse: WarehouseOption = None) -> None:
    """Check the warehouse: rules on its rows, and every artifact against its hash.

    Example: `alignhouse check --warehouse bmd.alignhouse`
    """
    from warehouse.checks import broken_artifacts, broken_rules
    from warehouse.errors import BrokenWarehouse
    from warehouse.store import Warehouse

    with Warehouse.open(_warehouse(warehouse)) as opened, _progress() as shown:
        faults = [*broken_rules(opened), *broken_artifacts(opened, shown)]
    for fault in faults:
        typer.echo(fault)
    if faults:
        raise BrokenWarehouse(f"{len(faults)} faults in the warehouse")
    typer.echo("All checks passed.")


@app.command()
def rebuild(warehouse: WarehouseOption = None) -> None:
    """Make the DuckDB file anew from the Parquet files.

    Example: `alignhouse rebuild --warehouse bmd.alignhouse`
    """
    from warehouse.rebuild import rebuild as rebuilt

    folder = _warehouse(warehouse, needs_snapshot=False)
    count = rebuilt(folder, _command())
    typer.echo(f"Rebuilt {folder} from {count} artifacts.")


def main() -> None:
    """Run the command line; an expected error is one line on stderr and its exit code."""
    # OpenMP's threads spin for milliseconds while they wait unless told otherwise, which beside another busy
    # process makes torch several times slower. Read when torch starts its threads.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    try:
        app()
    except AlignhouseError as error:
        if _settings["debug"]:
            raise
        typer.echo(f"alignhouse: {error}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if _settings["debug"] or error.name is None or error.name.split(".")[0] in OWN_PACKAGES:
            raise
        hint = "networks and videos need: pip install 'alignhouse[networks]'"
        typer.echo(f"alignhouse: the package {error.name} is not installed ({hint})", err=True)
        sys.exit(2)


_settings = {"debug": False}


def _run(study_file: Path, *, until: str, report: bool) -> None:
    from alignhouse.run import run_study
    from alignhouse.study import read_study

    began = time.monotonic()
    study = read_study(study_file)
    with _progress() as shown:
        finished = run_study(study, command=_command(), until=until, progress=shown)
        page = _report(study, shown) if report else None
    if finished.jobs_done == 0:
        typer.echo("Nothing to do: everything this study asks for is in the warehouse already.")
    else:
        typer.echo(f"Done: {finished.jobs_done} jobs in {_duration(time.monotonic() - began)}.")
    typer.echo(f"Warehouse: {finished.warehouse}")
    if page is not None:
        typer.echo(f"Report: {page}")


def _report(study: Study, shown: Bars) -> Path:
    from analysis.report.gather import write_report_of
    from warehouse.store import Warehouse

    with Warehouse.open(study.study.warehouse) as opened:
        return write_report_of(
            opened,
            study.report.path,
            dataset=study.brain.dataset,
            split=study.brain.split,
            group_by=study.report.group_by,
            say=shown.say,
        )


@contextmanager
def _progress() -> Iterator[Bars]:
    from rich.console import Console

    from alignhouse.progress import bars

    try:
        with bars(Console(stderr=True)) as shown:
            yield shown
    except KeyboardInterrupt:
        raise Stopped("stopped", hint="what is done is safe; run the same command again to go on") from None


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _warehouse(given: Path | None, *, needs_snapshot: bool = True) -> Path:
    from warehouse.errors import BadInput
    from warehouse.store import SNAPSHOT

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


def _command() -> str:
    return " ".join(["alignhouse", *sys.argv[1:]])


if __name__ == "__main__":
    main()
