"""The figures of a report: which there are, drawn, kept as files, and as data URIs for the page."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from analysis.figures.best_layer import best_layer_by_group
from analysis.figures.depth import alignment_over_depth
from analysis.figures.labels import heading
from analysis.figures.save import save_figure
from analysis.report.content import Results

if TYPE_CHECKING:
    from plotnine import ggplot

FOLDER = "figures"
FORMATS = ("pdf", "png", "svg")
DPI = 150
# A figure of more bytes than this as SVG is in the page as PNG: thousands of points take long to draw.
MOST_BYTES_OF_SVG = 400_000


@dataclass(frozen=True)
class Planned:
    """A figure that is to be drawn: `name` as its file is called, `alternative` what is drawn, in words."""

    name: str
    caption: str
    alternative: str
    draw: Callable[[], ggplot]


@dataclass(frozen=True)
class Picture:
    """A figure in the page: `image` is a data URI; `files` are format -> link from the page."""

    caption: str
    alternative: str
    image: str
    width: int
    height: int
    files: dict[str, str]


def planned_figures(results: Results, group_by: Sequence[str]) -> list[Planned]:
    """All figures of the results of one protocol, in the page's order; none is drawn yet."""
    protocol, source = results.protocol, results.source
    figures = []
    for column in group_by:
        by = heading(column)
        figures += [
            Planned(
                name=f"{protocol} {source} best layer by {column}",
                caption=f"Best layer of networks per region, by {by} ({protocol} protocol, {source}).",
                alternative=(
                    f"Points and boxes: Spearman rho of the best layer of {_size(results.best_layer)}, "
                    f"by {by}, with the noise ceiling of each region."
                ),
                draw=partial(
                    best_layer_by_group,
                    results.best_layer,
                    results.noise_ceiling,
                    protocol=protocol,
                    group_by=column,
                ),
            ),
            Planned(
                name=f"{protocol} {source} alignment over depth by {column}",
                caption=f"Alignment over depth of the layer, by {by} ({protocol} protocol, {source}).",
                alternative=(
                    "Curves: Spearman rho over relative depth, from the first layer to the last, "
                    f"of {_size(results.depth_profile)}, with the mean of each {by}."
                ),
                draw=partial(alignment_over_depth, results.depth_profile, protocol=protocol, group_by=column),
            ),
        ]
    return figures


def drawn(figure: Planned, folder: Path) -> Picture:
    """Draw a figure and write it to `folder` in each of FORMATS."""
    file_name = re.sub(r"[^A-Za-z0-9]+", "-", figure.name).strip("-")
    plot = figure.draw()
    paths = save_figure(plot, folder, file_name, FORMATS, dpi=DPI)
    is_small = paths["svg"].stat().st_size <= MOST_BYTES_OF_SVG
    width, height = plot.theme.getp("figure_size")
    return Picture(
        caption=figure.caption,
        alternative=figure.alternative,
        image=data_uri(paths["svg"], "image/svg+xml") if is_small else data_uri(paths["png"], "image/png"),
        width=round(width * DPI),
        height=round(height * DPI),
        files={name.upper(): f"{FOLDER}/{path.name}" for name, path in paths.items()},
    )


def data_uri(path: Path, media_type: str) -> str:
    """The content of a file as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _size(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "no networks (no rows)"
    networks, regions = frame["model"].n_unique(), frame["roi"].n_unique()
    return f"{networks} network{'s' * (networks != 1)} in {regions} region{'s' * (regions != 1)}"
