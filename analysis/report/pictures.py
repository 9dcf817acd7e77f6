"""The figures of a report: draw each one, write its files, and embed it in the page as a data URI."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from alignhouse.analysis.figures.catalog import Drawn, figures, make_at_widths, planned
from alignhouse.analysis.figures.drawing import Drawing, drawing
from alignhouse.analysis.figures.entries import InReport, Section
from alignhouse.analysis.figures.request import Request
from alignhouse.analysis.figures.theme import MILLIMETRES, WIDTH, is_empty
from alignhouse.warehouse.files import replacing

if TYPE_CHECKING:
    from alignhouse.warehouse.progress import Progress
    from alignhouse.warehouse.reader import Warehouse

FOLDER = "figures"
FORMATS = ("pdf", "png", "svg")
SVG, WEBP = "image/svg+xml", "image/webp"
DPI = 150
# Widths in inches: two columns of a journal page, and one, which a telephone shows.
WIDE, NARROW_WIDTH = WIDTH, 89 / MILLIMETRES
CSS_PIXELS = 96  # an inch, so that letters of a narrow figure are as large as they say
NARROW_DPI = 2 * CSS_PIXELS  # telephones have two pixels for each of these or more
# A larger SVG is embedded as pixels instead: browsers are slow to draw thousands of points.
MOST_BYTES_OF_SVG = 250_000


@dataclass(frozen=True)
class Planned:
    """A figure to draw: `name` becomes the file name, `about` says in words what the figure shows.

    draw : draws the figure at each of some widths in inches; its data are read once.
    section : the part of the page that shows the figure.
    figure : its name in the catalog, "best_layer". group_by : how it groups networks; "" if it does not.
    """

    name: str
    about: str
    draw: Callable[[Progress, Sequence[float]], Sequence[Drawn]]
    section: Section = "regions"
    figure: str = ""
    group_by: str = ""


@dataclass(frozen=True)
class Image:
    """A data URI, and the size in pixels at which the page shows it."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Picture:
    """A figure in the page; `files` maps formats to links from the page.

    images : "wide_light", "wide_dark", "narrow_light" and "narrow_dark". A page that is printed is wide and
        light; all others are for screens.
    name, group_by, section : as of `Planned`; name : of the catalog.
    remark : of what the figure shows, as under its title.
    """

    caption: str
    remark: str
    alternative: str
    images: dict[str, Image]
    files: dict[str, str]
    name: str = ""
    group_by: str = ""
    section: Section = "regions"

    @property
    def image(self) -> str:
        """The data URI of the wide, light image."""
        return self.images["wide_light"].uri

    @property
    def width(self) -> int:
        """Of the wide image, in pixels."""
        return self.images["wide_light"].width

    @property
    def height(self) -> int:
        """Of the wide image, in pixels."""
        return self.images["wide_light"].height


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
        grouping = own.group_by if "group_by" in figure.options else ""
        by = f" by {grouping}" if grouping else ""
        is_further = grouping not in ("", *group_by[:1])
        found.append(
            Planned(
                name=f"{place} {figure.name}{by}".replace("_", " "),
                about=figure.help,
                draw=partial(_make, warehouse, figure.name, own),
                section=(figure.further if is_further else None) or figure.section,
                figure=figure.name,
                group_by=grouping,
            )
        )
    return found


def drawn(figure: Planned, folder: Path, progress: Progress) -> Picture | None:
    """Draw a figure and write it to `folder` in each of FORMATS; None for a figure without data."""
    wide, narrow = figure.draw(progress, (WIDE, NARROW_WIDTH))
    if is_empty(wide.plot):
        return None
    file_name = re.sub(r"[^A-Za-z0-9]+", "-", figure.name).strip("-")
    paths = {name: folder / f"{file_name}.{name}" for name in FORMATS}
    images: dict[str, Image] = {}
    with drawing(wide.plot, dpi=DPI) as once:
        for name, path in paths.items():
            with replacing(path) as temporary:
                temporary.write_bytes(once.encoded(name))
        is_small = paths["svg"].stat().st_size <= MOST_BYTES_OF_SVG
        width, height = _size(wide, DPI)
        light = data_uri(paths["svg"].read_bytes(), SVG) if is_small else _pixels(once, DPI)
        images["wide_light"] = Image(light, width, height)
        once.darken()
        images["wide_dark"] = Image(_pixels(once, DPI), width, height)
    return Picture(
        caption=f"{wide.title}.",
        remark=" ".join((wide.plot.labels.subtitle or "").split()),
        alternative=f"{figure.about} {wide.caption}",
        images=images | _narrow_images(narrow),
        files={name.upper(): f"{FOLDER}/{path.name}" for name, path in paths.items()},
        name=figure.figure,
        group_by=figure.group_by,
        section=figure.section,
    )


def data_uri(content: bytes, media_type: str) -> str:
    """The content of a file as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _narrow_images(narrow: Drawn) -> dict[str, Image]:
    width, height = _size(narrow, CSS_PIXELS)
    with drawing(narrow.plot, dpi=NARROW_DPI) as once:
        light = _pixels(once, NARROW_DPI)
        once.darken()
        dark = _pixels(once, NARROW_DPI)
    return {"narrow_light": Image(light, width, height), "narrow_dark": Image(dark, width, height)}


def _pixels(once: Drawing, dpi: int) -> str:
    """The data URI of a figure for a screen."""
    return data_uri(once.small_webp(dpi), WEBP)


def _size(drawn: Drawn, dots: int) -> tuple[int, int]:
    """Width and height in pixels, with so many pixels for an inch."""
    width, height = drawn.plot.theme.getp("figure_size")
    return round(width * dots), round(height * dots)


def _names(place: InReport) -> list[str]:
    return [name for name, each in figures().items() if each.in_report == place]


def _make(
    warehouse: Warehouse, name: str, request: Request, progress: Progress, widths: Sequence[float]
) -> list[Drawn]:
    return make_at_widths(warehouse, name, request, widths, tick=progress.step)
