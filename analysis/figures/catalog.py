"""The list of all figures: name, title, queries, options, and place in the report.

To add a figure, write a query in `sql/figures`, a function that draws the query's answer, and an entry here.
The command line and the report read this list; there is no other.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

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
from alignhouse.analysis.figures.score_names import axis_name
from alignhouse.analysis.figures.theme import is_empty, why_empty
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.questions import question

if TYPE_CHECKING:
    import polars as pl
    from plotnine import ggplot

    from alignhouse.warehouse.reader import Warehouse

FOLDER = "figures"  # of sql/
OPTIONS = ("group_by", "rois", "models", "layers", "other", "most")
InReport = Literal["every protocol", "first protocol", "no"]
Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Figure:
    """An entry of the catalog.

    Attributes
    ----------
    title, help : the title, and one sentence on what the figure shows.
    draw : "module:name" of the function that draws the figure; imported when it is called.
    queries : names in `sql/figures`; `draw` takes their answers as its first arguments.
    options : the names in OPTIONS that the figure takes.
    few_regions : without requested regions, the figure shows only some of many; see `chosen_regions`.
    by_protocol : networks can also be grouped by protocol.
    names_score : `draw` takes `score`, the name of the protocol's scores on an axis.
    of_sides : regions are named without their hemisphere: V1 stands for lV1 and rV1.
    frames : "module:name" of a function of (warehouse, scope, request, tick) that returns the frames to draw.
        It replaces `queries` for data that are not in tables.
    in_report : "every protocol" draws the figure for each protocol and each grouping of networks. "first
        protocol" draws it once, for the report's first protocol and grouping. "no" needs `not_in_report`.
    not_in_report : why the report lacks the figure.
    """

    name: str
    title: str
    help: str
    draw: str
    queries: tuple[str, ...] = ()
    options: tuple[str, ...] = ("group_by", "rois", "models")
    few_regions: bool = False
    by_protocol: bool = False
    names_score: bool = True
    of_sides: bool = False
    frames: str | None = None
    in_report: InReport = "first protocol"
    not_in_report: str = ""

    def __post_init__(self) -> None:
        if (self.in_report == "no") != bool(self.not_in_report):
            raise BadInput(
                f"figure {self.name}",
                expected="a place in the report, or in_report='no' with the reason in not_in_report",
                found=f"in_report={self.in_report!r}, not_in_report={self.not_in_report!r}",
            )


class Drawn(NamedTuple):
    """A plot that is ready to be saved or shown, with its title and caption on one line each."""

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
        in_report="every protocol",
    ),
    Figure(
        "depth",
        "Alignment over depth",
        "The mean alignment of each group of networks from first to last layer, with 95 % bands.",
        "alignhouse.analysis.figures.depth:depth_bands",
        ("depth_band",),
        by_protocol=True,
        in_report="every protocol",
    ),
    Figure(
        "profile",
        "Brain-region profile",
        "Best-layer scores of all networks in all regions, as a heat map.",
        "alignhouse.analysis.figures.profile:region_profile",
        ("best_layer",),
    ),
    Figure(
        "signature",
        "Signatures of networks",
        "How much better or worse each network aligns with each region than networks do on average.",
        "alignhouse.analysis.figures.profile:signatures",
        ("signature",),
        in_report="no",
        not_in_report="the profile shows the same networks and regions",
    ),
    Figure(
        "ranking",
        "Ranking of networks",
        "Networks ranked by their best layer in a region, with the score of every subject.",
        "alignhouse.analysis.figures.ranking:ranking",
        ("ranking", "noise_ceiling"),
        ("group_by", "rois", "models", "most"),
        few_regions=True,
    ),
    Figure(
        "depth_networks",
        "Alignment over depth, network by network",
        "Every layer of the best or the requested networks, with bootstrap intervals.",
        "alignhouse.analysis.figures.depth_networks:depth_of_networks",
        ("layer_score",),
        ("rois", "models", "most"),
        few_regions=True,
    ),
    Figure(
        "training_dataset",
        "Best layer by training data",
        "Best layers by training data set; lines join the medians of families trained on several data sets.",
        "alignhouse.analysis.figures.training_dataset:by_training_dataset",
        ("training_dataset",),
    ),
    Figure(
        "complexity",
        "Alignment against size, cost and accuracy",
        "Best layers against parameters, GFLOPs and top-1 accuracy, with regression line and correlation.",
        "alignhouse.analysis.figures.complexity:alignment_against_complexity",
        ("complexity",),
        ("group_by", "rois"),
        few_regions=True,
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
        "hemispheres",
        "Left and right hemisphere",
        "Best layers in the left and the right part of each region, where the data set has both.",
        "alignhouse.analysis.figures.hemispheres:hemispheres",
        ("hemispheres",),
        ("rois", "models"),
        of_sides=True,
    ),
    Figure(
        "rdms",
        "RDMs",
        "RDMs of regions, each with the RDM of the network layer that aligns best with it.",
        "alignhouse.analysis.figures.rdms:rdm_pictures",
        (),
        ("rois", "models", "layers"),
        few_regions=True,
        frames="alignhouse.analysis.figures.rdm_frames:picture_frames",
        names_score=False,
    ),
    Figure(
        "rdm_map",
        "Map of RDMs",
        "Regions and layers in two dimensions (MDS); similar RDMs lie close together.",
        "alignhouse.analysis.figures.rdm_map:rdm_map",
        (),
        ("rois", "models", "layers"),
        frames="alignhouse.analysis.figures.rdm_frames:map_frames",
        names_score=False,
    ),
)


def figures() -> dict[str, Figure]:
    """Every figure, by name, in the order of the report."""
    return {each.name: each for each in _FIGURES}


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
    asked, request = figure(name), request or Request()
    _refuse_options(asked, request)
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
    draw = _load(asked.draw)
    if asked.frames is None:
        frames = answers(warehouse, asked.queries, scope, request)
    else:
        frames = _load(asked.frames)(warehouse, scope, request, tick or _silent)
    options: dict[str, Any] = {"protocol": scope.protocol, "source": scope.source, "width": request.width}
    if asked.names_score:
        options["score"] = axis_name(scope.measure)
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
