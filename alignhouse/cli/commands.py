"""The commands: thin wrappers over public functions, so that a notebook can do the same.

Each command imports what it needs inside its function: `alignhouse --help` loads neither torch nor plotnine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alignhouse.cli.doctor import doctor
from alignhouse.cli.figure import figure
from alignhouse.cli.ingest import ingest_app
from alignhouse.cli.merge import merge
from alignhouse.cli.querying import ask, shell, sql
from alignhouse.cli.site import site
from alignhouse.cli.terminal import (
    DeviceOption,
    MemoryLimit,
    SchedulerOption,
    ScratchLimit,
    StudyFile,
    WarehouseOption,
    command,
    own_command,
    progress,
    run_file,
)
from alignhouse.cli.which import which_warehouse

# What the options before a command set.
settings = {"debug": False}

app = typer.Typer(
    help="How well do neural networks align with human brains that watch the same videos?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
analyse_app = typer.Typer(help="From stored RDMs to facts.", no_args_is_help=True)
app.add_typer(ingest_app, name="ingest")
app.add_typer(analyse_app, name="analyse")
app.command()(figure)
app.command()(doctor)

FREE_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True}


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"alignhouse {version('alignhouse')}")
        raise typer.Exit


@app.callback()
def _every_command(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    settings["debug"] = debug


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="STUDY.toml", help="Where to write it.")] = Path(
        "study.toml"
    ),
    folder: Annotated[
        Path | None,
        typer.Option("--from", metavar="FOLDER", help="Brain data to look at: the file is written for them."),
    ] = None,
    stimuli: Annotated[
        Path | None, typer.Option(help="With --from: folder of the videos or images.", metavar="FOLDER")
    ] = None,
) -> None:
    """Write a study file with every key, its default and its meaning.

    With --from, it looks at a folder of betas or RDMs, says what it takes for what and what it cannot tell,
    and sets the keys. It reads names and shapes, but no betas, and overwrites nothing.

    Examples: `alignhouse init my_study.toml`,
    `alignhouse init my_study.toml --from /data/betas --stimuli /data/images`
    """
    from alignhouse.study.template import study_template
    from alignhouse.warehouse.errors import BadInput
    from alignhouse.warehouse.files import write_text

    if file.exists():
        raise BadInput(f"{file} exists", hint="choose another name, or remove it")
    if folder is None:
        if stimuli is not None:
            raise BadInput("--stimuli is an option of --from", hint="say --from FOLDER of the brain data too")
        write_text(file, study_template())
        typer.echo(f"Wrote {file}; fill in the paths, then: alignhouse run {file}")
        return
    from alignhouse.study.looking import look_at

    found = look_at(folder, stimuli)
    write_text(file, study_template(found.values))
    for line in found.taken:
        typer.echo(line)
    for line in found.unknown:
        typer.echo(f"Could not tell {line}")
    typer.echo(
        f"Wrote {file}; {'fill in the rest' if found.unknown else 'look at it'}, then: alignhouse run {file}"
    )


@app.command()
def run(
    study: StudyFile,
    report: Annotated[bool, typer.Option(help="Write the report at the end.")] = True,
    device: DeviceOption = None,
    memory: MemoryLimit = None,
    scratch: ScratchLimit = None,
    scheduler: SchedulerOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help='With executor "slurm": print the job script, and submit nothing.'),
    ] = False,
) -> None:
    """Run a study, or the missing rest of it. You can stop it and run it again at any moment.

    Examples: `alignhouse run my_study.toml --device cuda`,
    `alignhouse run my_study.toml --scheduler tcp://head:8786`
    """
    limits = {"device": device, "memory": memory, "scratch": scratch, "scheduler": scheduler}
    if dry_run:
        from alignhouse.study.file import read_study, with_compute
        from alignhouse.study.slurm import job_script

        typer.echo(job_script(with_compute(read_study(study), **limits)), nl=False)
        return
    run_file(study, until="analysis", report=report, **limits)


@analyse_app.command("rsa")
def analyse_rsa(study: StudyFile) -> None:
    """Score every layer in every region: alignment, noise ceilings, nulls, p-values, group comparisons.

    Example: `alignhouse analyse rsa my_study.toml`
    """
    run_file(study, until="rsa", report=False)


@analyse_app.command("uncertainty")
def analyse_uncertainty(study: StudyFile) -> None:
    """As rsa, plus bootstrap intervals, layers chosen on other stimuli, differences, complexity.

    Example: `alignhouse analyse uncertainty my_study.toml`
    """
    run_file(study, until="analysis", report=False)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Folder for the demo study.")] = Path("."),
) -> None:
    """Generate a miniature data set, run a whole study on it, and write its report; minutes on two cores.

    Brains are simulated and networks untrained; every page and figure says so.

    Example: `alignhouse demo`
    """
    from alignhouse.demo.study import make_demo_study

    with progress() as shown:
        study_file = make_demo_study(folder, progress=shown)
    run_file(study_file, until="analysis", report=True)
    typer.echo(f"Ask it something:  {own_command()} ask leaderboard --warehouse {folder / 'demo.alignhouse'}")


# Its help depends on the question, so typer must not answer --help itself.
app.command(context_settings=FREE_OPTIONS, add_help_option=False)(ask)
app.command()(sql)
app.command()(shell)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder to write index.html and the figures to.")],
    warehouse: WarehouseOption = None,
    dataset: Annotated[str | None, typer.Option(help="Data set, if the warehouse has several.")] = None,
    split: Annotated[str | None, typer.Option(help="Split, if the data set has several.")] = None,
    group_by: Annotated[
        list[str] | None, typer.Option(help="What figures group by; can be repeated.")
    ] = None,
    measure: Annotated[
        str | None, typer.Option(help="Scores by this measure of analysis.measures; default: rho.")
    ] = None,
    stimuli: Annotated[
        Path | None, typer.Option(help="Folder of the stimuli, for thumbnails beside RDMs.")
    ] = None,
) -> None:
    """Write the report of a warehouse: one page, with figures and tables as files beside it.

    Example: `alignhouse report my-report --warehouse bmd.alignhouse --group-by arch_type`
    """
    from alignhouse.analysis.report.gather import write_report_of
    from alignhouse.stimulus_pictures import StimulusFolder
    from alignhouse.warehouse.reader import Warehouse

    with Warehouse.open(which_warehouse(warehouse)) as opened, progress() as shown:
        page = write_report_of(
            opened,
            folder,
            dataset=dataset,
            split=split,
            group_by=group_by,
            measure=measure,
            stimuli=StimulusFolder(stimuli) if stimuli else None,
            progress=shown,
        )
    typer.echo(f"Report: {page}")


app.command()(site)


@app.command()
def check(
    warehouse: WarehouseOption = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Bring back what the Parquet files have, and set damaged files aside as *.damaged.",
        ),
    ] = False,
) -> None:
    """Check rules, stored summaries, every artifact against its hash, and every row against its Parquet file.

    Remarks are no faults: a subject with fewer repetitions than the others, for example.

    Example: `alignhouse check --warehouse bmd.alignhouse`
    """
    from alignhouse.warehouse.errors import BrokenWarehouse
    from alignhouse.warehouse.rebuild import rebuild as rebuilt

    folder = which_warehouse(warehouse)
    faults = _faults(folder)
    for fault in faults:
        typer.echo(fault)
    if faults and repair:
        with progress() as shown:
            result = rebuilt(folder, command(), shown, skip_damaged=True)
        for line in result.set_aside:
            typer.echo(f"Left out; run the study again to make it: {line}")
        faults = _faults(folder)
        for fault in faults:
            typer.echo(f"After the repair: {fault}")
    if faults:
        hint = (
            "`alignhouse rebuild --help` says more" if repair else "`alignhouse check --repair` repairs them"
        )
        raise BrokenWarehouse(f"{len(faults)} faults in the warehouse", hint=hint)
    typer.echo("All checks passed.")


def _faults(folder: Path) -> list[str]:
    """Every fault of a warehouse, each in one line; prints the remarks."""
    from alignhouse.warehouse.checks import (
        altered_rows,
        broken_artifacts,
        broken_rules,
        remarks,
        stale_summaries,
    )
    from alignhouse.warehouse.reader import Warehouse

    with Warehouse.open(folder) as opened, progress() as shown:
        for remark in remarks(opened):
            typer.echo(f"Remark: {remark}")
        return [
            *broken_rules(opened),
            *stale_summaries(opened),
            *broken_artifacts(opened, shown),
            *altered_rows(opened, shown),
        ]


@app.command()
def rebuild(
    warehouse: WarehouseOption = None,
    skip_damaged: Annotated[
        bool,
        typer.Option(
            "--skip-damaged",
            help="Rename damaged artifacts to *.damaged and leave them out; the next run makes them again.",
        ),
    ] = False,
) -> None:
    """Create the DuckDB file again from the journal and the Parquet files, or change nothing.

    Every table becomes what it was, the history of runs included. Each artifact is compared with its hash.

    Example: `alignhouse rebuild --warehouse bmd.alignhouse`
    """
    from alignhouse.warehouse.rebuild import rebuild as rebuilt

    folder = which_warehouse(warehouse, needs_snapshot=False)
    with progress() as shown:
        result = rebuilt(folder, command(), shown, skip_damaged=skip_damaged)
    if result.by_file_time:
        typer.echo("There was no journal, so the newer of two files with the same rows was used.")
    for line in result.set_aside:
        typer.echo(f"Left out: {line}")
    typer.echo(f"Rebuilt {folder} from {result.artifacts} artifacts.")


@app.command()
def vacuum(
    warehouse: WarehouseOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the files; remove nothing.")] = False,
) -> None:
    """Remove files that nothing needs: replaced results, files of killed runs, damaged files set aside.

    Stored betas and RDMs stay. A study that goes back to replaced settings computes them again.

    Examples: `alignhouse vacuum --dry-run`, `alignhouse vacuum --warehouse bmd.alignhouse`
    """
    from alignhouse.warehouse.sizes import size_in_words
    from alignhouse.warehouse.vacuum import to_vacuum
    from alignhouse.warehouse.vacuum import vacuum as vacuumed

    folder = which_warehouse(warehouse)
    with progress() as shown:
        found = to_vacuum(folder, command()) if dry_run else vacuumed(folder, command(), shown)
    for path in found.files if dry_run else ():
        typer.echo(path.relative_to(folder))
    for line in found.left:
        typer.echo(f"Left: {line}")
    counts = (
        (len(found.replaced), "replaced"),
        (len(found.unregistered), "of killed runs"),
        (len(found.damaged), "damaged"),
        (len(found.temporary), "temporary"),
    )
    kinds = ", ".join(f"{count} {kind}" for count, kind in counts if count)
    typer.echo(
        f"{'Would remove' if dry_run else 'Removed'} {len(found.files)} files, {size_in_words(found.bytes)}"
        + (f" ({kinds})." if kinds else ".")
    )


@app.command()
def copy(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The warehouse to copy.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The new folder; it must not exist.")],
) -> None:
    """Copy a warehouse, also while a study writes to it. Each artifact is compared with its hash.

    TARGET appears when everything is copied and verified, with what readers of SOURCE saw at the start.

    Example: `alignhouse copy bmd.alignhouse /backup/bmd.alignhouse`
    """
    from alignhouse.warehouse.copies import copy_warehouse
    from alignhouse.warehouse.sizes import size_in_words

    with progress() as shown:
        copied = copy_warehouse(source, target, command(), shown)
    typer.echo(f"Copied {copied.artifacts} artifacts, {size_in_words(copied.bytes)}, to {target}.")


app.command()(merge)
