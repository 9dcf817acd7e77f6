"""Figures on disk: drawn once, written in each format to a temporary name, then renamed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.errors import BadInput
from warehouse.files import replacing

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
    """Write `plot` to `folder`/`name`.FORMAT for each format; gives the path of each.

    Parameters
    ----------
    formats : of "pdf", "png", "svg".
    width, height : inches; the plot's own size where not given.
    dpi : dots per inch of the png.

    Raises
    ------
    BadInput : an unknown format, or a name with a folder in it.
    """
    for wanted in formats:
        if wanted not in METADATA:
            raise BadInput(f"figure {name}", expected="format " + ", ".join(METADATA), found=wanted)
    if Path(name).name != name:
        raise BadInput("name of a figure", expected="a file name without a folder", found=name)

    import matplotlib.pyplot as plt
    from plotnine import theme

    own_width, own_height = plot.theme.getp("figure_size")
    size = (width if width is not None else own_width, height if height is not None else own_height)
    paths: dict[str, Path] = {}
    # Type 42 keeps the text of a PDF editable; a fixed salt keeps the ids of an SVG the same from run to run.
    with plt.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "alignhouse"}):
        figure = (plot + theme(figure_size=size, dpi=dpi)).draw(show=False)
        try:
            for wanted in formats:
                paths[wanted] = folder / f"{name}.{wanted}"
                with replacing(paths[wanted]) as temporary:
                    figure.savefig(temporary, format=wanted, dpi=dpi, metadata=METADATA[wanted])
        finally:
            plt.close(figure)
    return paths
