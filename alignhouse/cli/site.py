"""The command `site`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from alignhouse.cli.terminal import progress
from alignhouse.cli.which import WAREHOUSE_VARIABLE, which_warehouse


def site(
    folder: Annotated[Path, typer.Argument(help="Folder to write index.html and the other pages to.")],
    warehouse: Annotated[
        list[Path] | None,
        typer.Option(
            "--warehouse",
            "-w",
            help="Folder of a warehouse; can be repeated. Default: the only *.alignhouse folder here.",
        ),
    ] = None,
) -> None:
    """Write a website of one or several warehouses: a page for every network, region and data set.

    It needs no server: copy the folder to one, or open index.html. Networks are compared by link.

    Example: `alignhouse site my-site -w bmd.alignhouse -w nsd.alignhouse`
    """
    from alignhouse.notebook.sites import write_site

    named = os.environ.get(WAREHOUSE_VARIABLE)
    chosen = warehouse or [which_warehouse(Path(named) if named else None)]
    with progress() as shown:
        page = write_site(chosen, folder, progress=shown)
    typer.echo(f"Site: {page}")
