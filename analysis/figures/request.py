"""Requests for figures: which protocol, data set, split, regions and networks to show."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignhouse.analysis.figures.labels import PROTOCOL
from alignhouse.analysis.figures.theme import WIDTH
from alignhouse.analysis.kernels.measure_names import Measure
from alignhouse.warehouse.errors import BadInput, near_names
from alignhouse.warehouse.questions import question

if TYPE_CHECKING:
    from alignhouse.analysis.figures.rdm_conditions import ReadPictures
    from alignhouse.warehouse.reader import Warehouse

# Figures with a panel for each region show all regions up to this number.
MOST_REGIONS = 4
GROUPINGS = ("model_type", "arch_type", "training_dataset", "objective", "family", "weights", PROTOCOL)
DEFAULT_PROTOCOL = "sound"


@dataclass(frozen=True)
class Request:
    """Options of a figure.

    Attributes
    ----------
    protocol, dataset, split : None is allowed if the warehouse has only one. The default protocol is "sound".
    group_by : one of GROUPINGS.
    rois : names of regions. models, layers : names or globs of networks and layers. None selects all, or the
        figure's default.
    other : the protocol to compare with. most : the largest number of networks to show.
    stimuli : reads pictures of stimuli for thumbnails; None: no thumbnails.
    width : inches.
    """

    protocol: str | None = None
    dataset: str | None = None
    split: str | None = None
    group_by: str = "model_type"
    rois: Sequence[str] | None = None
    models: Sequence[str] | None = None
    layers: Sequence[str] | None = None
    other: str | None = None
    most: int | None = None
    stimuli: ReadPictures | None = None
    width: float = WIDTH


@dataclass(frozen=True)
class FigureScope:
    """One protocol, data set and split on which networks were scored.

    measure : of the protocol's scores. other : another protocol there, of the same measure if there is one.
    """

    protocol: str
    dataset: str
    split: str
    n_networks: int
    n_subjects: int
    remark: str
    measure: Measure = "spearman"
    other: str | None = None

    @property
    def source(self) -> str:
        """Data set and split in words."""
        return f"{self.dataset}, {self.split}"


def scopes(warehouse: Warehouse) -> list[FigureScope]:
    """All protocols, data sets and splits with scores; the default protocol comes first."""
    return [FigureScope(*row) for row in warehouse.sql(question("scopes", "figures").sql).fetchall()]


def chosen_scope(known: Sequence[FigureScope], request: Request) -> FigureScope:
    """The scope that matches a request.

    Raises
    ------
    BadInput : there are no scores, none match, or several data sets and splits match (all are listed).
    """
    if not known:
        raise BadInput("no network was scored in this warehouse", hint="alignhouse run STUDY.toml")
    places = list(dict.fromkeys((each.dataset, each.split) for each in known))
    fitting = [
        place for place in places if request.dataset in (None, place[0]) and request.split in (None, place[1])
    ]
    listed = "; ".join(f"{dataset} ({split})" for dataset, split in places)
    if not fitting:
        raise BadInput(
            f"no scores on data set {request.dataset or 'any'}, split {request.split or 'any'}", found=listed
        )
    if len(fitting) > 1:
        raise BadInput(
            "which data set and split is meant?", found=listed, hint="name them: --dataset, --split"
        )
    here = {each.protocol: each for each in known if (each.dataset, each.split) == fitting[0]}
    for name in (request.protocol, request.other):
        if name is not None and name not in here:
            raise BadInput(f"no scores under protocol {name!r} on {listed}", hint=near_names(name, here))
    if request.protocol is None and DEFAULT_PROTOCOL not in here and len(here) > 1:
        raise BadInput("which protocol is meant?", found=", ".join(here), hint="name it: --protocol")
    # scopes come with the default protocol first
    scope = here[request.protocol or next(iter(here))]
    others = [name for name in here if name != scope.protocol]
    others.sort(key=lambda name: here[name].measure != scope.measure)
    return FigureScope(**{**scope.__dict__, "other": others[0] if others else None})


def chosen_regions(
    warehouse: Warehouse,
    scope: FigureScope,
    wanted: Sequence[str] | None,
    *,
    few: bool,
    of_sides: bool,
) -> list[str] | None:
    """Names of the regions to draw: `wanted`, else None (all).

    With `few`, a data set of more than MOST_REGIONS regions is shown by one region of each group: the one in
    which networks align best, by the median over networks.

    With `of_sides`, a region with a left and a right part (lV1, rV1) is named without the side (V1).

    Raises
    ------
    BadInput : a region without scores; the error lists similar names.
    """
    asked = question("drawn_regions", "figures")
    rows = warehouse.sql(asked.sql, asked.bind(_place(scope))).fetchall()
    names = [roi for roi, *_ in rows]
    if wanted is None:
        return [roi for roi, _, _, place in rows if place == 1] if few and len(rows) > MOST_REGIONS else None
    if of_sides:
        names = [name[1:] for name in names if name.startswith("l") and f"r{name[1:]}" in names]
    for name in wanted:
        if name not in names:
            raise BadInput(f"no scores in region {name!r} of {scope.source}", hint=near_names(name, names))
    return list(wanted)


def chosen_networks(
    warehouse: Warehouse, scope: FigureScope, wanted: Sequence[str] | None
) -> list[str] | None:
    """Names of the networks that match the names and globs in `wanted`; None if `wanted` is None.

    Raises
    ------
    BadInput : a name or glob that no scored network has; the error lists similar names.
    """
    if wanted is None:
        return None
    return matching([name for name, _, _ in network_rows(warehouse, scope)], wanted, "network")


def matching(names: Sequence[str], wanted: Sequence[str], what: str) -> list[str]:
    """The `names` that match the names and globs in `wanted`, without repetition, in the order of `wanted`.

    Raises
    ------
    BadInput : an entry of `wanted` matches nothing; the error says of `what` and lists similar names.
    """
    chosen: list[str] = []
    for pattern in wanted:
        found = [name for name in names if name == pattern] or fnmatch.filter(names, pattern)
        if not found:
            raise BadInput(f"no scores of {what} {pattern!r}", hint=near_names(pattern, names))
        chosen += found
    return list(dict.fromkeys(chosen))


def network_rows(warehouse: Warehouse, scope: FigureScope) -> list[tuple[str, float, list[str] | None]]:
    """A row per network with scores: name, mean score, and the region groups in which it is the best."""
    asked = question("drawn_networks", "figures")
    return warehouse.sql(asked.sql, asked.bind(_place(scope))).fetchall()


def _place(scope: FigureScope) -> dict[str, str]:
    return {"protocol": scope.protocol, "dataset": scope.dataset, "split": scope.split}
