"""The one list of figures: what each is called, shows, is drawn from and can be asked for.

A new figure is a query in `sql/figures`, a module with a function from the query's answer to a plot, and an
entry here.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from alignhouse.analysis.figures.labels import PROTOCOL, heading
from alignhouse.analysis.figures.request import (
    GROUPINGS,
    Request,
    Scope,
    chosen_networks,
    chosen_regions,
    chosen_scope,
    scopes,
)
from alignhouse.analysis.figures.theme import is_empty
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.progress import Progress, Silent
from alignhouse.warehouse.questions import question

if TYPE_CHECKING:
    import polars as pl
    from plotnine import ggplot

    from alignhouse.warehouse.store import Warehouse

FOLDER = "figures"  # of sql/
OPTIONS = ("group_by", "rois", "models", "layers", "other", "most")
Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Figure:
    """A figure that can be asked for by its name.

    Attributes
    ----------
    title, help : what it is, and one sentence on what it shows.
    queries : of `sql/figures`; their answers are the first arguments of the function that draws it.
    draw : that function, "module:name"; loaded when it is called.
    options : those of OPTIONS that it takes.
    one_region_a_group : it is drawn, where no region is asked for, in the first of each group of regions.
    by_protocol : networks can be grouped by protocol too, each once under every one.
    of_sides : regions are named without their side, V1 for lV1 and rV1.
    frames : for what is not in tables: a function "module:name" from the warehouse, the scope and what was
        asked for to the frames to draw, instead of queries.
    """

    name: str
    title: str
    help: str
    draw: str
    queries: tuple[str, ...] = ()
    options: tuple[str, ...] = ("group_by", "rois", "models")
    one_region_a_group: bool = False
    by_protocol: bool = False
    of_sides: bool = False
    frames: str | None = None


class Drawn(NamedTuple):
    """A figure that is ready to be saved or shown; title and caption are what stands over and below it."""

    name: str
    title: str
    caption: str
    plot: ggplot


_FIGURES = (
    Figure(
        "best_layer",
        "Best layer",
        "The best layer of every network in every region: medians of groups, noise ceilings, tests.",
        "alignhouse.analysis.figures.best_layer:best_layer_by_group",
        ("best_layer", "noise_ceiling", "group_pairs"),
        by_protocol=True,
    ),
    Figure(
        "depth",
        "Alignment over depth",
        "The mean alignment of each group of networks from first to last layer, with 95 % bands.",
        "alignhouse.analysis.figures.depth:depth_bands",
        ("depth_band",),
        by_protocol=True,
    ),
    Figure(
        "depth_networks",
        "Alignment over depth, network by network",
        "Every layer of the networks that align best, or of those asked for, with bootstrap intervals.",
        "alignhouse.analysis.figures.depth_networks:depth_of_networks",
        ("layer_score",),
        ("rois", "models", "most"),
        one_region_a_group=True,
    ),
    Figure(
        "complexity",
        "Alignment against size, cost and accuracy",
        "Best layers against parameters, GFLOPs and top-1 accuracy, with regression line and correlation.",
        "alignhouse.analysis.figures.complexity:alignment_against_complexity",
        ("complexity",),
        ("group_by", "rois"),
        one_region_a_group=True,
    ),
    Figure(
        "ranking",
        "Ranking of networks",
        "Networks in the order of their best layers in a region, with every subject's score.",
        "alignhouse.analysis.figures.ranking:ranking",
        ("ranking", "noise_ceiling"),
        ("group_by", "rois", "models", "most"),
        one_region_a_group=True,
    ),
    Figure(
        "training_dataset",
        "Best layer by training data",
        "Best layers by what networks were trained on; lines join families trained on several data.",
        "alignhouse.analysis.figures.training_dataset:by_training_dataset",
        ("training_dataset",),
    ),
    Figure(
        "protocol_difference",
        "Difference between two protocols",
        "How much higher networks score under one protocol than under another.",
        "alignhouse.analysis.figures.protocol_difference:protocol_difference",
        ("protocol_difference",),
        ("group_by", "rois", "models", "other"),
    ),
    Figure(
        "rdms",
        "RDMs",
        "RDMs of regions, and of the network layers that align best with them.",
        "alignhouse.analysis.figures.rdms:rdm_pictures",
        (),
        ("rois", "models", "layers"),
        one_region_a_group=True,
        frames="alignhouse.analysis.figures.rdm_frames:picture_frames",
    ),
    Figure(
        "rdm_map",
        "Map of RDMs",
        "Regions and layers in two dimensions (MDS), near one another where their RDMs are alike.",
        "alignhouse.analysis.figures.rdm_map:rdm_map",
        (),
        ("rois", "models", "layers"),
        frames="alignhouse.analysis.figures.rdm_frames:map_frames",
    ),
    Figure(
        "hemispheres",
        "Left and right hemisphere",
        "Best layers in the left and the right part of each region, where the data set has both.",
        "alignhouse.analysis.figures.hemispheres:hemispheres",
        ("hemispheres",),
        ("rois", "models"),
        of_sides=True,
    ),
    Figure(
        "profile",
        "Brain-region profile",
        "Best-layer scores of all networks in all regions, as a heat map.",
        "alignhouse.analysis.figures.profile:region_profile",
        ("best_layer",),
    ),
)


def figures() -> dict[str, Figure]:
    """Every figure, by name, in the order of a report."""
    return {each.name: each for each in _FIGURES}


def figure(name: str) -> Figure:
    """The figure of that name; an unknown one is `BadInput` that lists the near names."""
    known = figures()
    if name not in known:
        raise BadInput(f"no figure is called {name!r}", hint=near_names(name, known))
    return known[name]


def make(
    warehouse: Warehouse, name: str, request: Request | None = None, *, tick: Tick | None = None
) -> Drawn:
    """A figure of what a warehouse holds.

    Parameters
    ----------
    request : what it is to show; by default all, grouped by model type.
    tick : told, while RDMs are read, how many are done of how many.

    Raises
    ------
    BadInput : no such figure, region or network; an option that the figure does not have; several data sets
        or splits, of which the request names none.
    """
    asked, request = figure(name), request or Request()
    _refuse_options(asked, request)
    scope = chosen_scope(scopes(warehouse), request)
    request = replace(
        request,
        rois=chosen_regions(
            warehouse,
            scope,
            request.rois,
            one_a_group=asked.one_region_a_group,
            of_sides=asked.of_sides,
        ),
        models=chosen_networks(warehouse, scope, request.models),
    )
    draw = _load(asked.draw)
    if asked.frames is None:
        frames = answers(warehouse, asked.queries, scope, request)
    else:
        frames = _load(asked.frames)(warehouse, scope, request, tick or _silent)
    options: dict[str, Any] = {"protocol": scope.protocol, "source": scope.source, "width": request.width}
    if "group_by" in asked.options:
        options["group_by"] = request.group_by
    if "other" in asked.options:
        options["other"] = request.other or scope.other
    plot = draw(*frames, **options)
    if is_empty(plot) and scope.remark:
        from plotnine import labs

        plot += labs(subtitle=scope.remark)
    title, caption = (
        " ".join((text or instead).split())
        for text, instead in ((plot.labels.title, asked.title), (plot.labels.caption, asked.help))
    )
    return Drawn(asked.name, title, caption, plot)


def draw_all(
    warehouse: Warehouse,
    request: Request | None = None,
    *,
    group_by: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    skip_empty: bool = False,
    progress: Progress | None = None,
) -> Iterator[Drawn]:
    """All figures of one protocol, data set and split; each is drawn when it is asked for.

    Parameters
    ----------
    request : protocol, data set, split and width; options that a figure does not have are not for it.
    group_by : a figure that groups networks is drawn once for each; default: what the request says.
    names : of the figures, in their order; default: all.
    skip_empty : leave out those that would only say that there is nothing to show.

    Raises
    ------
    BadInput : as `make`.
    """
    wanted, shown = planned(request, group_by=group_by, names=names), progress or Silent()
    shown.stage("Figures", len(wanted), 0)
    for each, own in wanted:
        by = f" by {heading(own.group_by)}" if "group_by" in each.options else ""
        shown.job(each.title + by)
        drawn = make(warehouse, each.name, own, tick=shown.step)
        shown.job_done()
        if not (skip_empty and is_empty(drawn.plot)):
            yield drawn


def planned(
    request: Request | None = None,
    *,
    group_by: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> list[tuple[Figure, Request]]:
    """The figures that `draw_all` draws, each with what it is asked; `make` draws one of them."""
    request = request or Request()
    wanted = []
    for name in names if names is not None else figures():
        each = figure(name)
        own = _only_options(each, request)
        kinds = list(group_by or [own.group_by]) if "group_by" in each.options else [own.group_by]
        wanted += [(each, replace(own, group_by=kind)) for kind in kinds if _can_group(each, kind)]
    return wanted


def answers(
    warehouse: Warehouse, queries: Sequence[str], scope: Scope, request: Request
) -> list[pl.DataFrame]:
    """The answers of queries of `sql/figures` to what is asked, each told what it has a parameter for."""
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
        raise BadInput(f"figure {asked.name} is of one protocol", hint="group by something else")
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
    """The request without the options that a figure does not have."""
    default = Request()
    dropped = {option: getattr(default, option) for option in OPTIONS if option not in asked.options}
    return replace(request, **dropped)


def _load(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    loaded: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return loaded


def _silent(done: int, total: int) -> None:
    return None
