"""Shared look of all figures: type sizes, titles, remarks, legends, figure size and the empty figure."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alignhouse.analysis.figures.labels import Style, plain

if TYPE_CHECKING:
    from plotnine import ggplot, theme

MILLIMETRES = 25.4  # an inch
WIDTH = 183 / MILLIMETRES  # inches: two columns of a journal page, and a readable column of the report
NARROW = 4.5  # narrower figures (inches) stack their panels; a single journal column is 89 mm
REMARK_COLOUR = "#B03A00"  # dark vermilion, contrast 6:1 against white, so that the remark stands out
TITLE, SUBTITLE, CAPTION = 10.5, 9.0, 7.5  # points
# Average width of a letter as a share of the type size, bold and plain.
BOLD_LETTER, LETTER = 0.6, 0.53
NAME_LETTER = 0.7  # the same for bold names, which contain many digits and underscores
UNDER_REMARK = 7  # points between the remark and what is below it
POINTS = 72  # an inch
LINE = 1.35  # height of a line of text, as a multiple of the type size
# Colours between which a colour bar is interpolated. An SVG needs four triangles of 1.6 kB for each of them.
COLOUR_STEPS = 50
NOTHING = "no rows"


def house_theme() -> theme:
    """The theme of all figures: small type, no frame, light horizontal guides. `dressed` sets the size."""
    from plotnine import element_blank, element_line, element_rect, element_text, theme, theme_minimal

    return theme_minimal(base_size=9) + theme(
        plot_background=element_rect(fill="white", color="white"),
        plot_title=element_text(size=TITLE, weight="bold", ha="left"),
        plot_subtitle=element_text(size=SUBTITLE, color=REMARK_COLOUR, weight="bold", ha="left"),
        plot_caption=element_text(size=CAPTION, color="#555555", ha="left"),
        plot_title_position="plot",
        plot_caption_position="plot",
        strip_text=element_text(size=9, weight="bold", ha="left"),
        axis_text=element_text(size=8, color="#222222"),
        axis_title=element_text(size=9),
        panel_grid_minor=element_blank(),
        panel_grid_major_x=element_blank(),
        panel_grid_major_y=element_line(color="#E4E4E4", size=0.5),
        legend_position="bottom",
        legend_title=element_blank(),
        legend_text=element_text(size=8.5),
        legend_key=element_blank(),
        legend_box="vertical",
        legend_box_just="center",
    )


def dressed(
    plot: ggplot,
    body: float,
    what: str,
    *,
    styles: Mapping[str, Style] | None = None,
    width: float = WIDTH,
    legend_width: float | None = None,
    **about: Any,
) -> ggplot:
    """Add title, subtitle and caption (see `_texts`) to the plot, and set a size that fits everything.

    Parameters
    ----------
    body : height of panels and axes in inches. styles : entries of the legend, if there is one.
    legend_width : available width of the legend in inches; default: the whole width.
    """
    given = _texts(what, width=width, **about)
    height = body + texts_height(given) + (legend_height(styles, legend_width or width) if styles else 0)
    from plotnine import element_text, labs, theme

    # As a share of the width, since plotnine shrinks a margin in points the more, the higher the figure is.
    below_remark = element_text(margin={"b": UNDER_REMARK / POINTS / width, "unit": "fig"})
    dressed_plot = plot + theme(figure_size=(width, height), plot_subtitle=below_remark)
    if legend_width and width < NARROW:
        # A legend in the middle of narrow panels would go beyond the right edge.
        dressed_plot += theme(legend_justification="right")
    dressed_plot += labs(**given)
    return dressed_plot


def texts_height(given: Mapping[str, str]) -> float:
    """The height of title, subtitle and caption in inches."""
    sizes = {"title": TITLE, "subtitle": SUBTITLE, "caption": CAPTION}
    lines = sum(sizes[name] * LINE * (text.count("\n") + 1) for name, text in given.items())
    return lines / POINTS + 0.12 * len(given)


def no_rows(
    what: str,
    *,
    remark: str,
    protocol: str = "",
    source: str = "",
    left_out: int = 0,
    why: str = NOTHING,
    width: float = WIDTH,
) -> ggplot:
    """The figure of an empty query result, which states that there are no rows, or `why`."""
    from plotnine import annotate, element_blank, ggplot, theme

    wrapped = textwrap.fill(why, letters(width - 0.6, 11, LETTER))
    plot = ggplot() + house_theme() + annotate("text", x=0, y=0, label=wrapped, size=11, color="#555555")
    empty = dressed(
        plot, 1.6, what, protocol=protocol, source=source, remark=remark, left_out=left_out, width=width
    )
    return empty + theme(axis_text=element_blank(), axis_title=element_blank(), panel_grid=element_blank())


def is_empty(plot: ggplot) -> bool:
    """Whether the figure has no data (see `no_rows`)."""
    data: Any = plot.data
    return data is None or len(data) == 0


def why_empty(plot: ggplot) -> str:
    """The sentence that an empty figure shows (see `no_rows`), on one line."""
    labels = [str(layer.geom.aes_params.get("label", "")) for layer in plot.layers]
    return " ".join(" ".join(labels).split())


def group_scales(
    styles: Mapping[str, Style],
    counts: Mapping[str, int],
    aesthetics: Sequence[str],
    width: float = WIDTH,
) -> list[Any]:
    """Scales of the `aesthetics` that distinguish groups; the legend gives each group's number of networks.

    A group without a count has only its name in the legend.
    """
    import plotnine as p9

    makers = {
        "color": (p9.scale_color_manual, [style.colour for style in styles.values()]),
        "fill": (p9.scale_fill_manual, [style.colour for style in styles.values()]),
        "shape": (p9.scale_shape_manual, [style.marker for style in styles.values()]),
        "linetype": (p9.scale_linetype_manual, [style.line_type for style in styles.values()]),
    }
    labels = [plain(f"{group} ({counts[group]})" if group in counts else group) for group in styles]
    # The legend shows points larger and opaque, so that they are distinguishable; lines stay as drawn.
    shown = {"size": 2.2, "alpha": 1} if "shape" in aesthetics else {}
    legend = p9.guide_legend(ncol=_abreast(styles, width), override_aes=shown)
    return [
        *(
            make(values=values, limits=list(styles), labels=labels, name=" ")
            for make, values in (makers[aesthetic] for aesthetic in aesthetics)
        ),
        p9.guides(color=legend),
    ]


def legend_height(styles: Mapping[str, Style], width: float = WIDTH) -> float:
    """The height of the legend of these groups in inches."""
    return 0.1 + 0.2 * -(-len(styles) // _abreast(styles, width))


def colour_bar(**look: Any) -> Any:
    """The legend of a fill by number. `look` : elements of its theme."""
    import plotnine as p9

    return p9.guides(fill=p9.guide_colorbar(nbin=COLOUR_STEPS, theme=p9.theme(**look)))


def about(number: int) -> Any:
    """About `number` round axis breaks."""
    from mizani.breaks import breaks_extended

    return breaks_extended(n=number)


def panel_titles(names: Callable[[str], str] | dict[str, str]) -> Any:
    """A plotnine labeller that maps the names of panels to their titles."""
    from plotnine import as_labeller

    return as_labeller(names)


def letters(inches: float, size: float, share: float = LETTER) -> int:
    """The number of letters of `size` points that fit on a line."""
    return max(8, int(inches * POINTS / (size * share)))


def percent_of(level: float) -> str:
    """A share as a percentage: "95 %"."""
    return f"{100 * level:g} %"


def _texts(
    what: str,
    *,
    source: str,
    remark: str,
    protocol: str = "",
    notes: Sequence[str] = (),
    left_out: int = 0,
    width: float = WIDTH,
) -> dict[str, str]:
    """Title (what, protocol, source), subtitle (remark) and caption (notes, number of rows not drawn).

    A figure that names its protocols in `what` has no `protocol`.
    """
    title = " · ".join(filter(None, (what, f"{protocol} protocol" if protocol else "", source)))
    below = [*notes, f"{left_out} rows without a value are not drawn."] if left_out else list(notes)
    given = {
        "title": (title, letters(width - 0.1, TITLE, BOLD_LETTER)),
        "subtitle": (remark, letters(width - 0.1, SUBTITLE, BOLD_LETTER)),
        "caption": (" ".join(below), letters(width - 0.1, CAPTION)),
    }
    return {
        name: plain("\n".join(textwrap.wrap(text, room, break_on_hyphens=False)))
        for name, (text, room) in given.items()
        if text
    }


def _abreast(styles: Mapping[str, Style], width: float) -> int:
    """The number of legend entries on one line; a letter takes 0.06 inches, marker and gap 0.3."""
    longest = max(len(group) for group in styles)
    return max(1, min(len(styles), int(width / (0.06 * (longest + 5) + 0.3))))
