"""Draw the figures that `entries` lists, from the results in a warehouse."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from alignhouse.analysis.figures.entries import FIGURES, OPTIONS, Figure
from alignhouse.analysis.figures.labels import PROTOCOL
from alignhouse.analysis.figures.request import (
    GROUPINGS,
    FigureScope,
    Request,
    chosen_networks,
    chosen_regions,
    chosen_scope,
    scopes,
)
from alignhouse.analysis.figures.score_names import axis_name, encoded_protocol, encoding_of
from alignhouse.analysis.figures.theme import is_empty, why_empty
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.questions import question

if TYPE_CHECKING:
    import polars as pl
    from plotnine import ggplot

    from alignhouse.warehouse.reader import Warehouse

FOLDER = "figures"  # of sql/
Tick = Callable[[int, int], None]


class Drawn(NamedTuple):
    """A plot that is ready to be saved or shown, with its title and caption on one line each."""

    name: str
    title: str
    caption: str
    plot: ggplot


def figures() -> dict[str, Figure]:
    """Every figure, by name, in the order of the report."""
    return {each.name: each for each in FIGURES}


def figure(name: str) -> Figure:
    """The figure of that name.

    Raises
    ------
    BadInput : no figure has that name; the error lists similar names.
    """
    known = figures()
    if name not in known:
        raise BadInput(f"no figure is called {name!r}", hint=near_names(name, known))
    return known[name]


def make(
    warehouse: Warehouse, name: str, request: Request | None = None, *, tick: Tick | None = None
) -> Drawn:
    """Draw a figure of the results in a warehouse.

    Parameters
    ----------
    request : what to show; the default is everything, grouped by model type.
    tick : called with (done, total) while RDMs are read.

    Raises
    ------
    BadInput : the figure, region or network is unknown; the figure lacks a requested option; or the warehouse
        has several data sets or splits and the request does not choose one.
    """
    request = request or Request()
    [drawn] = make_at_widths(warehouse, name, request, [request.width], tick=tick)
    return drawn


def make_at_widths(
    warehouse: Warehouse,
    name: str,
    request: Request,
    widths: Sequence[float],
    *,
    tick: Tick | None = None,
) -> list[Drawn]:
    """Draw a figure at each of `widths` (inches) from data that are read once; see `make`."""
    asked = figure(name)
    _refuse_options(asked, request)
    if asked.of_voxels and request.protocol is not None:
        request = replace(request, protocol=encoded_protocol(request.protocol))
    scope = chosen_scope(scopes(warehouse), request)
    request = replace(
        request,
        rois=chosen_regions(
            warehouse,
            scope,
            request.rois,
            few=asked.few_regions,
            of_sides=asked.of_sides,
        ),
        models=chosen_networks(warehouse, scope, request.models),
    )
    if asked.of_voxels:
        scope = replace(scope, protocol=encoding_of(scope.protocol))
    if asked.frames is None:
        frames = answers(warehouse, asked.queries, scope, request)
    else:
        frames = _load(asked.frames)(warehouse, scope, request, tick or _silent)
    return [_drawn(asked, scope, replace(request, width=width), frames) for width in widths]


def _drawn(asked: Figure, scope: FigureScope, request: Request, frames: Sequence[pl.DataFrame]) -> Drawn:
    options: dict[str, Any] = {"protocol": scope.protocol, "source": scope.source, "width": request.width}
    if asked.names_score:
        options["score"] = axis_name(scope.measure)
    if "group_by" in asked.options:
        options["group_by"] = request.group_by
    if "other" in asked.options:
        options["other"] = request.other or scope.other
    plot = _load(asked.draw)(*frames, **options)
    if is_empty(plot) and scope.remark:
        from plotnine import labs

        plot += labs(subtitle=scope.remark)
    title, caption = (
        " ".join((text or instead).split())
        for text, instead in ((plot.labels.title, asked.title), (plot.labels.caption, asked.help))
    )
    return Drawn(asked.name, title, caption, plot)


def refuse_empty(drawn: Drawn) -> None:
    """Raise BadInput, with the reason that the figure gives, if it has nothing to show."""
    if is_empty(drawn.plot):
        raise BadInput(
            f"figure {drawn.name} has nothing to show",
            found=why_empty(drawn.plot),
            hint=f"it shows: {figure(drawn.name).help}",
        )


def planned(
    request: Request | None = None,
    *,
    group_by: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> list[tuple[Figure, Request]]:
    """The figures to draw, each with the request to pass to `make`.

    Parameters
    ----------
    request : protocol, data set, split and width; options that a figure does not have are dropped for it.
    group_by : a figure that groups networks is planned once for each of these; default: as in `request`.
    names : which figures, in this order; default: all.

    Raises
    ------
    BadInput : an unknown name.
    """
    request = request or Request()
    wanted = []
    for name in names if names is not None else figures():
        each = figure(name)
        own = _only_options(each, request)
        kinds = list(group_by or [own.group_by]) if "group_by" in each.options else [own.group_by]
        wanted += [(each, replace(own, group_by=kind)) for kind in kinds if _can_group(each, kind)]
    return wanted


def answers(
    warehouse: Warehouse, queries: Sequence[str], scope: FigureScope, request: Request
) -> list[pl.DataFrame]:
    """Run queries of `sql/figures`, each with those values of the request that it has parameters for."""
    given = {
        "protocol": scope.protocol,
        "dataset": scope.dataset,
        "split": scope.split,
        "by": request.group_by,
        "rois": request.rois,
        "models": request.models,
        "other": request.other or scope.other,
        "most": request.most,
    }
    found = []
    for name in queries:
        asked = question(name, FOLDER)
        known = {each.name for each in asked.parameters}
        bound = asked.bind({key: value for key, value in given.items() if key in known})
        found.append(warehouse.sql(asked.sql, bound).pl())
    return found


def _refuse_options(asked: Figure, request: Request) -> None:
    if request.group_by not in GROUPINGS:
        raise BadInput(
            f"figure {asked.name}, group by {request.group_by!r}",
            expected=", ".join(GROUPINGS),
            hint=near_names(request.group_by, GROUPINGS),
        )
    if not _can_group(asked, request.group_by):
        raise BadInput(f"figure {asked.name} shows one protocol", hint="group by something else")
    default = Request()
    for option in OPTIONS:
        if option not in asked.options and getattr(request, option) != getattr(default, option):
            raise BadInput(
                f"figure {asked.name} has no option {option.rstrip('s') if option != 'group_by' else option}",
                expected=", ".join(asked.options),
            )


def _can_group(asked: Figure, group_by: str) -> bool:
    return group_by != PROTOCOL or asked.by_protocol


def _only_options(asked: Figure, request: Request) -> Request:
    """The request with the default for each option that the figure does not have."""
    default = Request()
    dropped = {option: getattr(default, option) for option in OPTIONS if option not in asked.options}
    return replace(request, **dropped)


def _load(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return loaded


def _silent(done: int, total: int) -> None:
    return None
