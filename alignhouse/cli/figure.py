"""`alignhouse figure`: draws one figure of a warehouse and writes it to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alignhouse.cli.terminal import WarehouseOption, progress
from alignhouse.cli.which import which_warehouse
from alignhouse.protocol_names import DEFAULT_PROTOCOL, protocol_by

MILLIMETRES = 25.4  # per inch


def figure(
    name: Annotated[str | None, typer.Argument(help="A figure; without it, list all.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write; .pdf, .svg or .png. Default: NAME.pdf here."),
    ] = None,
    warehouse: WarehouseOption = None,
    group_by: Annotated[
        str,
        typer.Option(help="model_type, arch_type, training_dataset, objective, family, weights or protocol."),
    ] = "model_type",
    protocol: Annotated[str | None, typer.Option(help="Results of this protocol; default: sound.")] = None,
    measure: Annotated[
        str | None,
        typer.Option(help="The protocol's scores by another measure of analysis.measures, such as cka."),
    ] = None,
    other: Annotated[
        str | None, typer.Option(help="The protocol to compare with (protocol_difference).")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set, if the warehouse has several.")] = None,
    split: Annotated[str | None, typer.Option(help="Split, if the data set has several.")] = None,
    roi: Annotated[list[str] | None, typer.Option(help="This region only; can be repeated.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="This network only, or a glob; can be repeated.")
    ] = None,
    layer: Annotated[
        list[str] | None, typer.Option(help="This layer only, or a glob; can be repeated (rdms, rdm_map).")
    ] = None,
    most: Annotated[
        int | None, typer.Option(min=1, help="Show this many networks (ranking, depth_networks).")
    ] = None,
    stimuli: Annotated[
        Path | None, typer.Option(help="Folder of the stimuli, for thumbnails beside RDMs (rdms).")
    ] = None,
    width: Annotated[
        float, typer.Option(min=60, max=1000, help="Millimetres; a journal column is about 89.")
    ] = 183,
    height: Annotated[
        float | None, typer.Option(min=30, max=5000, help="Millimetres; default: what the figure needs.")
    ] = None,
    dpi: Annotated[int, typer.Option(min=30, max=1200, help="Dots per inch of a png.")] = 300,
) -> None:
    """Draw one figure of a warehouse; without a name, list all figures.

    Examples: `alignhouse figure`, `alignhouse figure best_layer --group-by arch_type --out best.svg`,
    `alignhouse figure ranking --roi V1 --roi MT --width 89`
    """
    from alignhouse.analysis.figures.catalog import figure as known
    from alignhouse.analysis.figures.catalog import make, refuse_empty
    from alignhouse.analysis.figures.request import Request
    from alignhouse.analysis.figures.save import format_of, write_figure
    from alignhouse.stimulus_pictures import StimulusFolder
    from alignhouse.warehouse.reader import Warehouse

    if name is None:
        list_figures()
        return
    asked = known(name)
    target = out or Path(f"{name}.pdf")
    format_of(target)
    request = Request(
        protocol=protocol_by(protocol or DEFAULT_PROTOCOL, measure) if measure else protocol,
        dataset=dataset,
        split=split,
        group_by=group_by,
        rois=roi or None,
        models=model or None,
        layers=layer or None,
        other=other,
        most=most,
        stimuli=StimulusFolder(stimuli) if stimuli else None,
        width=width / MILLIMETRES,
    )
    with Warehouse.open(which_warehouse(warehouse)) as opened, progress() as shown:
        shown.stage(asked.title, 1, 0)
        shown.job("reading and drawing")
        drawn = make(opened, name, request, tick=shown.step)
        refuse_empty(drawn)
        shown.job(f"writing {target.name}")
        write_figure(drawn.plot, target, height=height / MILLIMETRES if height else None, dpi=dpi)
        shown.job_done()
    typer.echo(f"Figure: {target}")


def list_figures() -> None:
    """Print every figure, what it shows and its options."""
    from rich.table import Table

    from alignhouse.analysis.figures.catalog import figures
    from alignhouse.cli.answers import table_console

    names = {
        "group_by": "--group-by",
        "rois": "--roi",
        "models": "--model",
        "layers": "--layer",
        "other": "--other",
        "most": "--most",
        "stimuli": "--stimuli",
    }
    table = Table(box=None, pad_edge=False)
    for column in ("figure", "shows", "options"):
        table.add_column(column, overflow="fold")
    for each in figures().values():
        table.add_row(each.name, each.help, " ".join(names[option] for option in each.options))
    table_console().print(table)
