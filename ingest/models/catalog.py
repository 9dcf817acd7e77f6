"""The networks of the study that alignhouse reproduces: `catalog.csv` beside this file.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from alignhouse.ingest.models.modern import MODERN, modern
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.registry import check_record
from alignhouse.warehouse.errors import BadInput, BrokenWarehouse, near_names

__all__ = [
    "CATALOG",
    "PAPER_92",
    "STUDY_99",
    "Network",
    "catalog",
    "layer_order",
    "read_catalog",
    "select_names",
]

CATALOG = Path(__file__).with_name("catalog.csv")
_LAYER_ORDER = Path(__file__).with_name("layer_order.csv")
STUDY_99 = "all"
PAPER_92 = "default"
_LISTS = ("layers", "layers_paper", "skips", "skips_paper", "not_tapped")


def read_catalog(path: Path) -> dict[str, Network]:
    """The networks of a catalog file by name, in its order.

    Raises
    ------
    BrokenWarehouse : a cell does not fit its column, a row lacks what its source needs, or a name occurs
        twice; names file and network.
    """
    networks: dict[str, Network] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            cells: dict[str, object] = {
                key: tuple(value.split()) if key in _LISTS else (value or None) for key, value in row.items()
            }
            shape = row.get("input_shape")
            cells["input_shape"] = tuple(shape.split("x")) if shape else None
            try:
                network = Network.model_validate(cells)
                check_record(network)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(map(str, first["loc"]))
                raise BrokenWarehouse(
                    f"{path.name}, network {row.get('name')!r}: {place} {first['msg']}"
                ) from error
            except (BadInput, ValueError) as error:
                raise BrokenWarehouse(f"{path.name}, network {row.get('name')!r}: {error}") from error
            if network.name in networks:
                raise BrokenWarehouse(f"{path.name}: network {network.name!r} is listed twice")
            networks[network.name] = network
    return networks


@cache
def _catalog() -> dict[str, Network]:
    return read_catalog(CATALOG)


def catalog() -> dict[str, Network]:
    """All networks of the catalog by name, in its order: a new dict of shared, frozen records."""
    return dict(_catalog())


def layer_order(network: str) -> tuple[str, ...]:
    """The layers of a network of the catalog, first to last, with those that are not read by default.

    () for a network that the catalog does not know. The order is that of the modules of the built network.
    """
    return _layer_orders().get(network, ())


@cache
def _layer_orders() -> dict[str, tuple[str, ...]]:
    with _LAYER_ORDER.open(newline="", encoding="utf-8") as file:
        return {row["network"]: tuple(row["layers"].split()) for row in csv.DictReader(file)}


def select_names(
    include: Sequence[str],
    exclude: Sequence[str] = (),
    own: Iterable[str] = (),
    *,
    every_own: bool = True,
) -> list[str]:
    """Names of networks in the order of the catalog, of `modern.toml` and of `own`, each once.

    Parameters
    ----------
    include, exclude : names, globs such as "TSN_*", "all" (the study's 99), "default" (its 92), "modern", or
        the source of networks of the catalog, such as "timm".
    own : names of networks that a study declares.
    every_own : whether all of `own` are selected, unless excluded; otherwise only those that `include` names.

    Raises
    ------
    BadInput : an unknown name (lists close matches), a glob that matches nothing, or an empty selection.
    """
    own = list(own)
    known = [*_catalog(), *modern(), *own]
    chosen = (_names(include, known) | set(own if every_own else ())) - _names(exclude, known)
    if not chosen:
        raise BadInput("the selection of networks is empty", found=f"include {list(include)}")
    return [name for name in known if name in chosen]


def _names(patterns: Iterable[str], known: Sequence[str]) -> set[str]:
    of_catalog = _catalog().values()
    of_sources: dict[str, set[str]] = {}
    for network in of_catalog:
        of_sources.setdefault(network.source, set()).add(network.name)
    names: set[str] = set()
    for pattern in patterns:
        if pattern in known:
            names.add(pattern)
            continue
        if pattern == STUDY_99:
            matching = {network.name for network in of_catalog if network.in_study_99}
        elif pattern == PAPER_92:
            matching = {network.name for network in of_catalog if network.default}
        elif pattern == MODERN:
            matching = set(modern())
        elif pattern in of_sources:
            matching = of_sources[pattern]
        else:
            matching = {name for name in known if fnmatchcase(name, pattern)}
        if not matching:
            raise BadInput(f"unknown network {pattern!r}", hint=near_names(pattern, known))
        names |= matching
    return names
