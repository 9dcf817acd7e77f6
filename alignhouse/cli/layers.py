"""`alignhouse ingest layers`: the modules of a network, and which of them are read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from alignhouse.cli.querying import FormatOption, OutOption


def ingest_layers(
    network: Annotated[str, typer.Argument(help="Its name in a catalog, or in the study file.")],
    study: Annotated[
        Path | None,
        typer.Option(help="Study file that declares a network of your own, whose code this runs."),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Whose settings. Default: the first of the study, or sound.")
    ] = None,
    format: FormatOption = None,
    out: OutOption = None,
) -> None:
    """List the modules of a network with the shapes of their outputs: which are read, and why not the others.

    The network is built with random weights, and shown made-up stimuli. A layer of the trained network may
    differ from this only if its weights begin at zero.

    Examples: `alignhouse ingest layers AlexNet`,
    `alignhouse ingest layers my_network --study my_study.toml --format csv`
    """
    import duckdb
    import polars as pl

    from alignhouse.cli.answers import write_answer
    from alignhouse.cli.terminal import stoppable
    from alignhouse.study.layers import layers_of_network

    with stoppable():
        rows = layers_of_network(network, study, protocol)
    modules = pl.DataFrame([asdict(row) for row in rows])
    with duckdb.connect() as connection:
        answer = connection.from_arrow(modules.to_arrow())
        write_answer(answer, format, out, most=len(rows))
    read = sum(row.is_read for row in rows)
    typer.echo(f"{network}: {read:,} of {len(rows):,} modules are read", err=True)
