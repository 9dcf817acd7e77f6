"""Networks of both catalogs by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alignhouse.ingest.models.catalog import catalog, select_names
from alignhouse.ingest.models.modern import modern
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.own import modern_facts, modern_network
from alignhouse.warehouse.errors import BadInput, near_names


def known_network(name: str, others: Iterable[str] = ()) -> Network:
    """The network of that name in a catalog; for a modern network, this imports its library.

    others : further names that the error may suggest.

    Raises
    ------
    BadInput : no catalog has that name (lists close matches), or the library of a modern network is too old.
    """
    if name in modern():
        return modern_network(name)
    known = catalog()
    if name not in known:
        raise BadInput(f"no network is called {name!r}", hint=near_names(name, [*others, *known, *modern()]))
    return known[name]


def known_facts(name: str) -> Network | None:
    """What a catalog says about the network of that name, or None; imports no library.

    The record of a modern network has its facts only, and cannot be built.
    """
    return modern_facts(name) if name in modern() else catalog().get(name)


def select(include: Sequence[str], exclude: Sequence[str] = ()) -> list[Network]:
    """The networks of the catalogs that `include` names and `exclude` does not, in their order, each once.

    Parameters as in `select_names`, errors also as in `known_network`.
    """
    return [known_network(name) for name in select_names(include, exclude)]
