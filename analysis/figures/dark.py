"""Recolour a drawn figure for a dark page.

A grey becomes the grey with the same contrast against the dark paper, so text stays text and guides stay
guides. Colours of groups become lighter where they would be hard to see. Colours of maps and photographs
stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from alignhouse.analysis.figures.labels import OKABE_ITO
from alignhouse.analysis.figures.theme import REMARK_COLOUR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RGB = tuple[int, int, int]
# The colours of a dark page, as in the style sheet of the report.
PAPER, INK, REMARK = "#16181c", "#e6e8eb", "#ffb58a"
WHITE = (255, 255, 255)
CONTRAST_OF_MARKS = 3.0  # WCAG 2.2, success criterion 1.4.11; text needs 4.5 (1.4.3)
PALEST = 0.6  # opacity of the palest points
STEPS = 50  # a colour is mixed with white in steps of 2 %


def darken(figure: Figure) -> None:
    """Give all artists of a matplotlib figure the colours of a dark page; images stay as they are."""
    from matplotlib.artist import Artist
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.text import Text

    recolour: tuple[tuple[type[Artist], Callable[[Any], None]], ...] = (
        (Text, _text),
        (Line2D, _line),
        (Patch, _patch),
        (Collection, _collection),
    )
    for artist in figure.findobj():
        for kind, change in recolour:
            if isinstance(artist, kind):
                change(artist)


def contrast(one: RGB, other: RGB) -> float:
    """The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    lower, higher = sorted((_luminance(one), _luminance(other)))
    return (higher + 0.05) / (lower + 0.05)


def rgb(colour: str) -> RGB:
    """A colour such as "#16181c" as three numbers up to 255."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return red, green, blue


def mixed(one: RGB, other: RGB, share: float) -> RGB:
    """The colour that a layer of colour `other` with opacity `share` makes on top of `one`."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    return red, green, blue


@cache
def on_dark(colour: RGB) -> RGB:
    """The colour on a dark page for a colour on a white one."""
    if colour == rgb(REMARK_COLOUR):
        return rgb(REMARK)
    if len(set(colour)) == 1:
        return _grey(contrast(colour, WHITE))
    return _lighter(colour) if colour in map(rgb, OKABE_ITO) else colour


def _grey(wanted: float) -> RGB:
    """The colour between paper and ink with this contrast against paper; ink if there is none."""
    paper, ink = rgb(PAPER), rgb(INK)
    for step in range(256):
        found = mixed(paper, ink, step / 255)
        if contrast(found, paper) >= wanted:
            return found
    return ink


def _lighter(colour: RGB) -> RGB:
    """The colour, mixed with white until even the palest points are visible on the paper."""
    paper = rgb(PAPER)
    for step in range(STEPS):
        found = mixed(colour, WHITE, step / STEPS)
        if contrast(mixed(paper, found, PALEST), paper) >= CONTRAST_OF_MARKS:
            return found
    return WHITE


def _luminance(colour: RGB) -> float:
    shares = [channel / 255 for channel in colour]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _changed(colour: Any) -> Any:
    """A colour of matplotlib on a dark page, with its opacity; None and "none" stay."""
    from matplotlib.colors import to_rgba

    red, green, blue, opacity = to_rgba(colour)
    if opacity == 0:
        return colour
    new = on_dark((round(255 * red), round(255 * green), round(255 * blue)))
    return (*(channel / 255 for channel in new), opacity)


def _text(text: Any) -> None:
    text.set_color(_changed(text.get_color()))
    if text.get_bbox_patch() is not None:
        _patch(text.get_bbox_patch())


def _line(line: Any) -> None:
    colours = [line.get_color(), line.get_markerfacecolor(), line.get_markeredgecolor()]
    setters = [line.set_color, line.set_markerfacecolor, line.set_markeredgecolor]
    for change, colour in zip(setters, map(_changed, colours), strict=True):
        change(colour)


def _patch(patch: Any) -> None:
    face, edge = _changed(patch.get_facecolor()), _changed(patch.get_edgecolor())
    patch.set_facecolor(face)
    patch.set_edgecolor(edge)


def _collection(collection: Any) -> None:
    # matplotlib overrides these colours where a collection has an array and a colour map.
    faces, edges = (
        list(map(_changed, found)) for found in (collection.get_facecolor(), collection.get_edgecolor())
    )
    collection.set_facecolor(faces)
    collection.set_edgecolor(edges)
