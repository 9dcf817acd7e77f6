"""What every figure shares: type sizes, titles that name protocol and stimuli, remark, empty figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.figures.labels import Style, plain

if TYPE_CHECKING:
    from plotnine import ggplot, labs, theme

WIDTH = 7.2  # inches: two columns of a journal page, and a readable column of the report
REMARK_COLOUR = "#B03A00"  # dark vermilion: 6:1 against white, so that the remark is met first


def house_theme(height: float) -> theme:
    """The theme of all figures: small type, no frame, light horizontal guides; `height` in inches."""
    from plotnine import element_blank, element_line, element_rect, element_text, theme, theme_minimal

    return theme_minimal(base_size=9) + theme(
        figure_size=(WIDTH, height),
        plot_background=element_rect(fill="white", color="white"),
        plot_title=element_text(size=10.5, weight="bold", ha="left"),
        plot_subtitle=element_text(size=9, color=REMARK_COLOUR, weight="bold", ha="left"),
        plot_caption=element_text(size=7.5, color="#555555", ha="left"),
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
    )


def texts(
    what: str, *, protocol: str, source: str, remark: str, notes: Sequence[str] = (), left_out: int = 0
) -> labs:
    """Title (what, protocol, stimuli), subtitle (remark) and caption (notes, how many rows are not drawn)."""
    from plotnine import labs

    title = f"{what} · {protocol} protocol" + (f" · {source}" if source else "")
    below = [*notes, f"{left_out} rows without a value are not drawn."] if left_out else list(notes)
    given = {"title": title, "subtitle": remark, "caption": " ".join(below)}
    return labs(**{name: plain(text) for name, text in given.items() if text})


def no_rows(what: str, *, protocol: str, remark: str, left_out: int = 0) -> ggplot:
    """The figure of an empty query result: it says so."""
    from plotnine import annotate, element_blank, ggplot, theme

    return (
        ggplot()
        + annotate("text", x=0, y=0, label="no rows", size=14, color="#555555")
        + house_theme(2.0)
        + theme(axis_text=element_blank(), axis_title=element_blank(), panel_grid=element_blank())
        + texts(what, protocol=protocol, source="", remark=remark, left_out=left_out)
    )


def group_scales(styles: dict[str, Style], counts: dict[str, int], aesthetics: Sequence[str]) -> list[Any]:
    """Scales of the `aesthetics` that tell groups apart; the legend says how many networks each has."""
    import plotnine as p9

    makers = {
        "color": (p9.scale_color_manual, [style.colour for style in styles.values()]),
        "fill": (p9.scale_fill_manual, [style.colour for style in styles.values()]),
        "shape": (p9.scale_shape_manual, [style.marker for style in styles.values()]),
        "linetype": (p9.scale_linetype_manual, [style.line_type for style in styles.values()]),
    }
    labels = [plain(f"{group} ({counts[group]})") for group in styles]
    # Of small and pale points the legend shows one that can be told apart; of lines, what is drawn.
    shown = {"size": 2.2, "alpha": 1} if "shape" in aesthetics else {}
    legend = p9.guide_legend(ncol=_abreast(styles), override_aes=shown)
    return [
        *(
            make(values=values, limits=list(styles), labels=labels)
            for make, values in (makers[aesthetic] for aesthetic in aesthetics)
        ),
        p9.guides(color=legend),
    ]


def legend_height(styles: dict[str, Style]) -> float:
    """Inches that the legend of these groups takes."""
    return 0.2 * -(-len(styles) // _abreast(styles))


def _abreast(styles: dict[str, Style]) -> int:
    """How many legend entries fit beside each other: a letter takes .06 inches, marker and gap .3."""
    longest = max(len(group) for group in styles)
    return max(1, min(len(styles), int(WIDTH / (0.06 * (longest + 5) + 0.3))))
