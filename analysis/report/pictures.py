"""The figures of a report: draw each one, write its files, and embed it in the page as a data URI."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from alignhouse.analysis.figures.catalog import Drawn, figures, make, planned
from alignhouse.analysis.figures.entries import InReport
from alignhouse.analysis.figures.request import Request
from alignhouse.analysis.figures.save import save_figure
from alignhouse.analysis.figures.theme import is_empty

if TYPE_CHECKING:
    from alignhouse.warehouse.progress import Progress
    from alignhouse.warehouse.reader import Warehouse

FOLDER = "figures"
FORMATS = ("pdf", "png", "svg")
DPI = 150
# A larger SVG is embedded as PNG instead: browsers are slow to draw thousands of points.
MOST_BYTES_OF_SVG = 400_000


@dataclass(frozen=True)
class Planned:
    """A figure to draw: `name` becomes the file name, `about` says in words what the figure shows.

    place : in the report, as the catalog says.
    """

    name: str
    about: str
    draw: Callable[[Progress], Drawn]
    place: InReport = "every protocol"


@dataclass(frozen=True)
class Picture:
    """A figure in the page: `image` is a data URI, `files` maps formats to links from the page.

    remark : of what the figure shows, as under its title.
    """

    caption: str
    remark: str
    alternative: str
    image: str
    width: int
    height: int
    files: dict[str, str]


def planned_figures(
    warehouse: Warehouse, request: Request, group_by: Sequence[str], places: Sequence[InReport]
) -> list[Planned]:
    """The figures of one protocol, data set and split, in the order of the page, as the catalog lists them.

    Nothing is drawn yet. places : figures that the catalog has in these places of the report, in this order.
    """
    wanted = []
    for each in places:
        groups = group_by if each == "every protocol" else group_by[:1]
        wanted += planned(request, group_by=groups, names=_names(each))
    place = f"{request.protocol} {request.dataset} {request.split}"
    found = []
    for figure, own in wanted:
        by = f" by {own.group_by}" if "group_by" in figure.options else ""
        found.append(
            Planned(
                name=f"{place} {figure.name}{by}".replace("_", " "),
                about=figure.help,
                draw=partial(_make, warehouse, figure.name, own),
                place=figure.in_report,
            )
        )
    return found


def drawn(figure: Planned, folder: Path, progress: Progress) -> Picture | None:
    """Draw a figure and write it to `folder` in each of FORMATS; None for a figure without data."""
    _, title, caption, plot = figure.draw(progress)
    if is_empty(plot):
        return None
    file_name = re.sub(r"[^A-Za-z0-9]+", "-", figure.name).strip("-")
    paths = save_figure(plot, folder, file_name, FORMATS, dpi=DPI)
    is_small = paths["svg"].stat().st_size <= MOST_BYTES_OF_SVG
    width, height = plot.theme.getp("figure_size")
    return Picture(
        caption=f"{title}.",
        remark=" ".join((plot.labels.subtitle or "").split()),
        alternative=f"{figure.about} {caption}",
        image=data_uri(paths["svg"], "image/svg+xml") if is_small else data_uri(paths["png"], "image/png"),
        width=round(width * DPI),
        height=round(height * DPI),
        files={name.upper(): f"{FOLDER}/{path.name}" for name, path in paths.items()},
    )


def data_uri(path: Path, media_type: str) -> str:
    """The content of a file as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _names(place: InReport) -> list[str]:
    return [name for name, each in figures().items() if each.in_report == place]


def _make(warehouse: Warehouse, name: str, request: Request, progress: Progress) -> Drawn:
    return make(warehouse, name, request, tick=progress.step)
