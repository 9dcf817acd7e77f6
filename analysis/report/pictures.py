"""The figures of a report: which there are, drawn, kept as files, and as data URIs for the page."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from alignhouse.analysis.figures.catalog import Drawn, make, planned
from alignhouse.analysis.figures.request import Request
from alignhouse.analysis.figures.save import save_figure
from alignhouse.analysis.figures.theme import is_empty

if TYPE_CHECKING:
    from alignhouse.warehouse.progress import Progress
    from alignhouse.warehouse.store import Warehouse

FOLDER = "figures"
FORMATS = ("pdf", "png", "svg")
DPI = 150
# A figure of more bytes than this as SVG is in the page as PNG: thousands of points take long to draw.
MOST_BYTES_OF_SVG = 400_000
# Drawn for every protocol and every kind of group; the rest, once, of the first.
OF_EVERY_GROUP = ("best_layer", "depth")
ONCE = (
    "profile",
    "ranking",
    "depth_networks",
    "training_dataset",
    "complexity",
    "protocol_difference",
    "hemispheres",
    "rdms",
    "rdm_map",
)


@dataclass(frozen=True)
class Planned:
    """A figure that is to be drawn: `name` as its file is called, `about` what it shows, in words."""

    name: str
    about: str
    draw: Callable[[Progress], Drawn]


@dataclass(frozen=True)
class Picture:
    """A figure in the page: `image` is a data URI; `files` are format -> link from the page."""

    caption: str
    alternative: str
    image: str
    width: int
    height: int
    files: dict[str, str]


def planned_figures(
    warehouse: Warehouse, request: Request, group_by: Sequence[str], *, first: bool
) -> list[Planned]:
    """All figures of one protocol, data set and split, in the page's order; none is drawn yet.

    first : whether the protocol is the page's first, which has the figures that are drawn once.
    """
    wanted = planned(request, group_by=group_by, names=OF_EVERY_GROUP)
    if first:
        wanted += planned(request, group_by=group_by[:1], names=ONCE)
    place = f"{request.protocol} {request.dataset} {request.split}"
    found = []
    for figure, own in wanted:
        by = f" by {own.group_by}" if "group_by" in figure.options else ""
        found.append(
            Planned(
                name=f"{place} {figure.name}{by}".replace("_", " "),
                about=figure.help,
                draw=partial(_make, warehouse, figure.name, own),
            )
        )
    return found


def drawn(figure: Planned, folder: Path, progress: Progress) -> Picture | None:
    """Draw a figure and write it to `folder` in each of FORMATS; None where there is nothing to show."""
    _, title, caption, plot = figure.draw(progress)
    if is_empty(plot):
        return None
    file_name = re.sub(r"[^A-Za-z0-9]+", "-", figure.name).strip("-")
    paths = save_figure(plot, folder, file_name, FORMATS, dpi=DPI)
    is_small = paths["svg"].stat().st_size <= MOST_BYTES_OF_SVG
    width, height = plot.theme.getp("figure_size")
    return Picture(
        caption=f"{title}.",
        alternative=f"{figure.about} {caption}",
        image=data_uri(paths["svg"], "image/svg+xml") if is_small else data_uri(paths["png"], "image/png"),
        width=round(width * DPI),
        height=round(height * DPI),
        files={name.upper(): f"{FOLDER}/{path.name}" for name, path in paths.items()},
    )


def data_uri(path: Path, media_type: str) -> str:
    """The content of a file as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _make(warehouse: Warehouse, name: str, request: Request, progress: Progress) -> Drawn:
    return make(warehouse, name, request, tick=progress.step)
