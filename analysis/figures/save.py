"""Save figures: draw once, write each format to a temporary file, then rename it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alignhouse.analysis.figures.drawing import METADATA, drawing
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import replacing

if TYPE_CHECKING:
    from plotnine import ggplot


def save_figure(
    plot: ggplot,
    folder: Path,
    name: str,
    formats: Sequence[str] = ("pdf", "png"),
    width: float | None = None,
    height: float | None = None,
    dpi: int = 150,
) -> dict[str, Path]:
    """Write `plot` to `folder`/`name`.FORMAT for each format and return the paths by format.

    Parameters
    ----------
    formats : of "pdf", "png", "svg".
    width, height : inches; default: the size of the plot.
    dpi : dots per inch of the png.

    Raises
    ------
    BadInput : an unknown format, or a name with a folder in it.
    """
    for wanted in formats:
        _known_format(wanted, f"figure {name}")
    if Path(name).name != name:
        raise BadInput("name of a figure", expected="a file name without a folder", found=name)
    paths = {wanted: folder / f"{name}.{wanted}" for wanted in formats}
    _write(plot, paths, width, height, dpi)
    return paths


def write_figure(
    plot: ggplot, path: Path, *, width: float | None = None, height: float | None = None, dpi: int = 300
) -> None:
    """Write `plot` to `path`, in the format of its suffix, in one step; see `save_figure` for the rest."""
    _write(plot, {format_of(path): path}, width, height, dpi)


def format_of(path: Path) -> str:
    """The format that a path's suffix names: "pdf", "png" or "svg".

    Raises
    ------
    BadInput : another suffix, or none.
    """
    return _known_format(path.suffix.removeprefix(".").lower(), f"figure {path}")


def _known_format(wanted: str, what: str) -> str:
    if wanted not in METADATA:
        raise BadInput(
            what, expected="format " + ", ".join(METADATA), found=wanted or "a name without suffix"
        )
    return wanted


def _write(
    plot: ggplot, paths: Mapping[str, Path], width: float | None, height: float | None, dpi: int
) -> None:
    """Draw once, and lay out and write each format."""
    with drawing(plot, width=width, height=height, dpi=dpi) as drawn:
        for wanted, path in paths.items():
            with replacing(path) as temporary:
                temporary.write_bytes(drawn.encoded(wanted))
