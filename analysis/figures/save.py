"""Save figures: draw once, write each format to a temporary file, then rename it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.files import replacing

if TYPE_CHECKING:
    from plotnine import ggplot

# Without dates and versions, so that equal plots are equal files.
METADATA: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}


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
    import matplotlib.pyplot as plt
    import pandas as pd
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from plotnine import theme

    canvases = {"pdf": FigureCanvasPdf, "svg": FigureCanvasSVG, "png": FigureCanvasAgg}
    own_width, own_height = plot.theme.getp("figure_size")
    size = (width if width is not None else own_width, height if height is not None else own_height)
    with (
        # Type 42 keeps the text of a PDF editable; a fixed salt keeps an SVG's ids the same from run to run.
        plt.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "alignhouse"}),
        # Figures have few rows, and pandas selects few rows of Python strings faster than of Arrow strings.
        pd.option_context("mode.string_storage", "python"),
    ):
        figure = (plot + theme(figure_size=size, dpi=dpi)).draw(show=False)
        try:
            layout = figure.get_layout_engine()
            assert layout is not None, "plotnine has its own"
            figure.set_layout_engine("none")
            for wanted, path in paths.items():
                with replacing(path) as temporary:
                    # The formats measure text differently, so each has its own layout. `figure.savefig` would
                    # draw the whole figure for the layout, and once more for the file.
                    canvas = canvases[wanted](figure)
                    figure.dpi = dpi
                    layout.execute(figure)
                    # The layout in a vector format has changed it.
                    figure.dpi = dpi
                    getattr(canvas, f"print_{wanted}")(temporary, metadata=METADATA[wanted])
        finally:
            plt.close(figure)
