"""Scores as bars, and scores over depth as lines, small enough for a table cell.

Coordinates only: `macros/bars.html.j2` draws them as inline SVG, and `bars.css` gives the colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alignhouse.analysis.figures.score_names import SCORE
from alignhouse.analysis.report.tables import decimal
from alignhouse.warehouse.errors import BadInput

BAR_WIDTH = 120
SPARK_WIDTH, SPARK_HEIGHT = 84, 22
# Empty space at the edges, so that dots and lines there are whole.
MARGIN = 3.0
# A point of a line is left out if the line without it is this close, in pixels.
TOLERANCE = 0.4


@dataclass(frozen=True)
class PixelScale:
    """Maps values from `low` to `high` to pixels from MARGIN to `length` - MARGIN."""

    low: float
    high: float
    length: float

    def at(self, value: float) -> float:
        """The pixel of a value, to one decimal; values off the scale are at its ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(MARGIN + share * (self.length - 2 * MARGIN), 1)

    def down(self, value: float) -> float:
        """As `at`, from the bottom up: SVG counts from the top."""
        return round(self.length - self.at(value), 1)


@dataclass(frozen=True)
class Ceiling:
    """A noise ceiling; `is_reliable` is False if it was tested and is not above chance."""

    lower: float
    upper: float | None = None
    is_reliable: bool | None = None


@dataclass(frozen=True)
class Bar:
    """A score as a bar: what is None is not drawn.

    zero, dot, ceiling : pixels from the left. interval, band : its left end and its right end.
    """

    label: str
    zero: float
    dot: float
    interval: tuple[float, float] | None
    ceiling: float | None
    band: tuple[float, float] | None
    is_weak: bool


@dataclass(frozen=True)
class Sparkline:
    """Scores over depth: `points` is "x,y x,y ...", the dot is at the best layer; None is not drawn."""

    label: str
    zero: float
    points: str
    dot: tuple[float, float] | None
    ceiling: float | None
    is_weak: bool


def bar_scale(values: Iterable[float | None]) -> PixelScale:
    """The scale of a column of bars: from 0 or the lowest of the values to the highest."""
    return _scale(values, BAR_WIDTH)


def spark_scale(values: Iterable[float | None]) -> PixelScale:
    """The scale of lines over depth, from 0 or the lowest of the values to the highest."""
    return _scale(values, SPARK_HEIGHT)


def bar(
    rho: float,
    interval: tuple[float, float] | None,
    ceiling: Ceiling | None,
    scale: PixelScale,
    *,
    level: float | None = None,
    score: str = SCORE,
) -> Bar:
    """A score on a scale, with its interval and its noise ceiling where these are known.

    Parameters
    ----------
    level : share of bootstrap draws in the interval, 0.95. score : what the score is called.

    Raises
    ------
    BadInput : a value is NaN or infinite.
    """
    _refuse_nan("a bar", (rho, *(interval or ()), *_bounds(ceiling)))
    is_weak = ceiling is not None and ceiling.is_reliable is False
    band = None
    if ceiling is not None and ceiling.upper is not None and not is_weak:
        band = (scale.at(ceiling.lower), scale.at(ceiling.upper))
    return Bar(
        label=bar_label(rho, interval, ceiling, level=level, score=score),
        zero=scale.at(0.0),
        dot=scale.at(rho),
        interval=None if interval is None else (scale.at(interval[0]), scale.at(interval[1])),
        ceiling=None if ceiling is None else scale.at(ceiling.lower),
        band=band,
        is_weak=is_weak,
    )


def bar_label(
    rho: float,
    interval: tuple[float, float] | None,
    ceiling: Ceiling | None,
    *,
    level: float | None = None,
    score: str = SCORE,
) -> str:
    """A bar in words: "rho 0.123, 95 % interval 0.100 to 0.150; lower noise ceiling 0.200"."""
    text = f"{score} {decimal(rho)}"
    if interval is not None:
        kind = "interval" if level is None else f"{100 * level:.3g} % interval"
        text += f", {kind} {decimal(interval[0])} to {decimal(interval[1])}"
    if ceiling is not None:
        text += f"; lower noise ceiling {decimal(ceiling.lower)}"
        text += ", not reliably above chance" if ceiling.is_reliable is False else ""
    return text


def sparkline(
    depths: Sequence[float],
    rhos: Sequence[float],
    best_depth: float | None,
    ceiling: Ceiling | None,
    scale: PixelScale,
    *,
    score: str = SCORE,
) -> Sparkline:
    """The scores of a network's layers from depth 0, the first layer, to 1, the last; in order of depth.

    Parameters
    ----------
    best_depth : depth of the best layer; a depth without a layer has no dot.

    Raises
    ------
    BadInput : a value is NaN or infinite.
    """
    _refuse_nan("a line over depth", (*depths, *rhos, best_depth, *_bounds(ceiling)))
    along = PixelScale(0.0, 1.0, SPARK_WIDTH)
    points = [(along.at(depth), scale.down(rho)) for depth, rho in zip(depths, rhos, strict=True)]
    best = next((n for n, depth in enumerate(depths) if depth == best_depth), None)
    return Sparkline(
        label=_spark_label(depths, rhos, best, score),
        zero=scale.down(0.0),
        points=" ".join(f"{x:g},{y:g}" for x, y in simplified(points)),
        dot=None if best is None else points[best],
        ceiling=None if ceiling is None else scale.down(ceiling.lower),
        is_weak=ceiling is not None and ceiling.is_reliable is False,
    )


def simplified(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points of a line without those that it hardly needs (Ramer 1972; Douglas and Peucker 1973)."""
    if len(points) < 3:
        return points
    (x0, y0), (x1, y1) = points[0], points[-1]
    length = math.hypot(x1 - x0, y1 - y0)
    gaps = [
        abs((x1 - x0) * (y0 - y) - (x0 - x) * (y1 - y0)) / length if length else math.hypot(x - x0, y - y0)
        for x, y in points[1:-1]
    ]
    farthest = max(range(len(gaps)), key=gaps.__getitem__) + 1
    if gaps[farthest - 1] <= TOLERANCE:
        return [points[0], points[-1]]
    return simplified(points[: farthest + 1])[:-1] + simplified(points[farthest:])


def _scale(values: Iterable[float | None], length: float) -> PixelScale:
    known = [each for each in values if each is not None]
    _refuse_nan("the scale of a column", known)
    low, high = min(0.0, *known, 0.0), max(0.0, *known, 0.0)
    return PixelScale(low, high if high > low else low + 1.0, length)


def _spark_label(depths: Sequence[float], rhos: Sequence[float], best: int | None, score: str) -> str:
    if not rhos:
        return f"no {score} over depth"
    if len(rhos) == 1:
        return f"{score} {decimal(rhos[0])} at depth {depths[0]:.2f}, one layer"
    text = f"{score} {decimal(rhos[0])} at depth {depths[0]:.2f}"
    if best is not None and 0 < best < len(rhos) - 1:
        text += f", {decimal(rhos[best])} at {depths[best]:.2f}, the best layer"
    return f"{text}, {decimal(rhos[-1])} at {depths[-1]:.2f}"


def _bounds(ceiling: Ceiling | None) -> tuple[float | None, ...]:
    return () if ceiling is None else (ceiling.lower, ceiling.upper)


def _refuse_nan(what: str, values: Iterable[float | None]) -> None:
    for value in values:
        if value is not None and not math.isfinite(value):
            raise BadInput(what, expected="finite numbers", found=str(value))
