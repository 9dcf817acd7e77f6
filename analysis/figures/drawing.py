"""Draw a plot once, and encode it in several formats, light and dark."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alignhouse.analysis.figures.dark import darken

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from plotnine import ggplot

# Without dates and versions, so that equal plots are equal files.
METADATA: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
}
COLOURS_OF_A_PALETTE = 256
WEBP_EFFORT = 40  # of 100; more takes several times as long for a few per cent


class Drawing:
    """A plot that plotnine has drawn, which is the slow part; encoding it is quick.

    Made by `drawing`.
    """

    def __init__(self, figure: Figure, dpi: int) -> None:
        self._figure, self._dpi = figure, dpi
        self._layout: Any = figure.get_layout_engine()
        assert self._layout is not None, "plotnine has its own"
        figure.set_layout_engine("none")

    def encoded(self, wanted: str) -> bytes:
        """The figure as it is now, in a format of METADATA."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.backends.backend_pdf import FigureCanvasPdf
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        canvases = {"pdf": FigureCanvasPdf, "svg": FigureCanvasSVG, "png": FigureCanvasAgg}
        canvas = self._laid_out(canvases[wanted], self._dpi)
        file = io.BytesIO()
        getattr(canvas, f"print_{wanted}")(file, metadata=METADATA[wanted])
        return file.getvalue()

    def small_webp(self, dpi: int) -> bytes:
        """The figure as it is now, as lossless WebP of 256 colours: a quarter of the size of a PNG."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from PIL import Image

        canvas = self._laid_out(FigureCanvasAgg, dpi)
        canvas.draw()
        image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
        few = image.quantize(COLOURS_OF_A_PALETTE, dither=Image.Dither.NONE).convert("RGB")
        file = io.BytesIO()
        few.save(file, "webp", lossless=True, quality=WEBP_EFFORT, method=2)
        return file.getvalue()

    def _laid_out(self, kind: Callable[[Figure], Any], dpi: int) -> Any:
        """A canvas of the figure. The formats measure text differently, so each has its own layout.

        `figure.savefig` would draw the whole figure for the layout, and once more for the file.
        """
        canvas = kind(self._figure)
        self._figure.dpi = dpi
        self._layout.execute(self._figure)
        # The layout in a vector format has changed it.
        self._figure.dpi = dpi
        return canvas

    def darken(self) -> None:
        """Give the figure the colours of a dark page; it cannot become light again."""
        darken(self._figure)


@contextmanager
def drawing(
    plot: ggplot, *, width: float | None = None, height: float | None = None, dpi: int = 150
) -> Iterator[Drawing]:
    """Draw a plot. width, height : inches; default: the size of the plot. dpi : dots per inch of a PNG."""
    import matplotlib.pyplot as plt
    import pandas as pd
    from plotnine import theme

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
            yield Drawing(figure, dpi)
        finally:
            plt.close(figure)
