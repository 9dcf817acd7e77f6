"""The command `alignhouse doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alignhouse.cli.terminal import progress


def doctor(
    study: Annotated[
        Path | None, typer.Argument(metavar="[STUDY.toml]", help="A study to check as well.")
    ] = None,
    own: Annotated[
        bool, typer.Option("--own/--no-own", help="--no-own runs no code of the study's own networks.")
    ] = True,
) -> None:
    """Check this machine before hours are spent: packages, device, disk, locks, memory, scratch, weights.

    It builds each network of a study once, as `ingest networks --dry-run` does. Exit code 1: something is
    missing, and its line says what to do.

    Example: `alignhouse doctor my_study.toml`
    """
    from alignhouse.study.doctor import diagnosis
    from alignhouse.study.file import read_study
    from alignhouse.warehouse.errors import AlignhouseError

    asked = None if study is None else read_study(study)
    faults = 0
    with progress() as shown:
        for each in diagnosis(asked, shown, own=own):
            faults += bool(each.advice)
            mark, advice = ("MISSING", f" ({each.advice})") if each.advice else ("ok", "")
            typer.echo(f"{mark:8}{each.what}: {each.found}{advice}")
    if faults:
        raise AlignhouseError(_missing(faults), hint="the lines marked MISSING say what to do")
    typer.echo("All is ready.")


def _missing(faults: int) -> str:
    return "1 thing is missing" if faults == 1 else f"{faults} things are missing"
