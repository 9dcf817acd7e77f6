"""The figures of a report: drawn, kept as files, and as data URIs for the page."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from analysis.figures.best_layer import best_layer_by_group
from analysis.figures.depth import alignment_over_depth
from analysis.figures.labels import heading
from analysis.figures.save import save_figure

if TYPE_CHECKING:
    from plotnine import ggplot

DPI = 150


@dataclass(frozen=True)
class Picture:
    """A figure in the page: `png` and `pdf` are data URIs, `alternative` says in words what is drawn."""

    caption: str
    alternative: str
    png: str
    pdf: str
    file_name: str


def best_layer_picture(
    best_layer: pl.DataFrame,
    noise_ceiling: pl.DataFrame,
    folder: Path,
    *,
    protocol: str,
    source: str,
    group_by: str,
) -> Picture:
    """The figure of the best layers of one protocol and source, by `group_by`."""
    by = heading(group_by)
    plot = best_layer_by_group(best_layer, noise_ceiling, protocol=protocol, group_by=group_by)
    return _picture(
        plot,
        folder,
        name=f"{protocol} {source} best layer by {group_by}",
        caption=f"Best layer of networks per region, by {by} ({protocol} protocol, {source}).",
        alternative=(
            f"Points and boxes: Spearman rho of the best layer of {_size(best_layer)}, "
            f"by {by}, with the noise ceiling of each region."
        ),
    )


def depth_picture(
    depth_profile: pl.DataFrame, folder: Path, *, protocol: str, source: str, group_by: str
) -> Picture:
    """The figure of alignment over depth of one protocol and source, by `group_by`."""
    plot = alignment_over_depth(depth_profile, protocol=protocol, group_by=group_by)
    return _picture(
        plot,
        folder,
        name=f"{protocol} {source} alignment over depth by {group_by}",
        caption=f"Alignment over depth of the layer, by {heading(group_by)} ({protocol} protocol, {source}).",
        alternative=(
            "Curves: Spearman rho over relative depth, from the first layer to the last, "
            f"of {_size(depth_profile)}, with the mean of each {heading(group_by)}."
        ),
    )


def _picture(plot: ggplot, folder: Path, *, name: str, caption: str, alternative: str) -> Picture:
    file_name = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
    paths = save_figure(plot, folder, file_name, dpi=DPI)
    return Picture(
        caption=caption,
        alternative=alternative,
        png=data_uri(paths["png"], "image/png"),
        pdf=data_uri(paths["pdf"], "application/pdf"),
        file_name=f"{file_name}.pdf",
    )


def data_uri(path: Path, media_type: str) -> str:
    """The content of a file as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _size(frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return "no networks (no rows)"
    return f"{frame['model'].n_unique()} networks in {frame['roi'].n_unique()} regions"
