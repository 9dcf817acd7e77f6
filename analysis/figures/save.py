"""Save a figure: draw it, write it to a temporary file, then rename that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alignhouse.analysis.figures.drawing import METADATA, drawing
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import replacing

if TYPE_CHECKING:
    from plotnine import ggplot


def write_figure(
    plot: ggplot, path: Path, *, width: float | None = None, height: float | None = None, dpi: int = 300
) -> None:
    """Write `plot` to `path`, in the format of its suffix, in one step.

    Parameters
    ----------
    width, height : inches; default: the size of the plot.
    dpi : dots per inch of a PNG.

    Raises
    ------
    BadInput : a suffix of another format, or none.
    """
    wanted = format_of(path)
    with drawing(plot, width=width, height=height, dpi=dpi) as drawn, replacing(path) as temporary:
        temporary.write_bytes(drawn.encoded(wanted))


def format_of(path: Path) -> str:
    """The format that a path's suffix names: "pdf", "png" or "svg".

    Raises
    ------
    BadInput : another suffix, or none.
    """
    wanted = path.suffix.removeprefix(".").lower()
    if wanted not in METADATA:
        raise BadInput(
            f"figure {path}",
            expected="format " + ", ".join(METADATA),
            found=wanted or "a name without suffix",
        )
    return wanted
