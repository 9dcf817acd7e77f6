"""Networks of a study's own and of `modern.toml`: what is declared about one, and the record made from it.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from alignhouse.ingest.models.catalog import PAPER_92, STUDY_99, catalog
from alignhouse.ingest.models.declaration import KEYS_OF_SOURCES, UNKNOWN, Declaration
from alignhouse.ingest.models.modern import MODERN, modern
from alignhouse.ingest.models.network import Network, Own
from alignhouse.ingest.models.sources.registry import SOURCES, check_record, get_source
from alignhouse.warehouse.errors import BadInput, near_names

# A name becomes the name of a folder. It must not look like a glob, or like another network, untrained.
_NAME = re.compile(r"[\w.+@-]+")
_UNTRAINED = re.compile(r"-random\d+$")
# Facts for tables and figures, which the record takes as they are declared.
_FACTS = {
    "model_type",
    "arch_type",
    "family",
    "training_dataset",
    "objective",
    "top1",
    "resolution",
    "licence",
}


class OwnNetwork(Declaration):
    """A network that is not in the catalog: `[networks.own.NAME]` of a study file."""

    source: str = Field(
        description=f"where it comes from: {', '.join(SOURCES)}; any other module comes through a function"
    )

    @field_validator("source")
    @classmethod
    def _source_is_known(cls, source: str) -> str:
        if source not in SOURCES:
            context = {"expected": " or ".join(SOURCES), "hint": near_names(source, SOURCES)}
            raise PydanticCustomError("unknown_source", "{expected}", context)
        return source

    @model_validator(mode="after")
    def _fits_its_source(self) -> OwnNetwork:
        source = get_source(self.source)
        for key in KEYS_OF_SOURCES:
            if getattr(self, key) is not None and key not in source.keys:
                readers = [name for name in SOURCES if key in get_source(name).keys]
                raise ValueError(f"{key} only with source = {' or '.join(map(repr, readers))}")
        source.check_declaration(self)
        if self.sha256 is not None and not self.has_checkpoint:
            raise ValueError("sha256 only with a checkpoint file as weights")
        return self


def network_of(name: str, declared: OwnNetwork) -> Network:
    """The record of the network that a study declares under `name`.

    Everything that the declaration names must exist, except the checkpoint file, which is checked with the
    weights. This imports the library that the network comes from, or the module of its function.

    Raises
    ------
    BadInput : a name that cannot be used; an unknown builder, identifier, configuration, function or weights;
        or neither the configuration nor the study says how clips are made.
    """
    _check_name(name)
    return _record(name, declared)


def modern_network(name: str) -> Network:
    """The record of a network of `modern.toml`; this imports its library.

    Raises
    ------
    BadInput : the installed library does not know the network.
    """
    return _record(name, _modern(name), shipped=True)


def modern_facts(name: str) -> Network:
    """What `modern.toml` says about a network. No library is imported, so nothing can be built from it."""
    facts = _declared_fields(name, _modern(name))
    return Network.model_validate({**facts, "own": Own(origin="source", folder=Path(), shipped=True)})


def _modern(name: str) -> OwnNetwork:
    return OwnNetwork.model_validate(modern()[name])


def _record(name: str, declared: OwnNetwork, *, shipped: bool = False) -> Network:
    found = get_source(declared.source).record(name, declared)
    own = Own(
        origin=declared.origin,
        folder=declared.folder,
        shipped=shipped,
        checkpoint=declared.folder / str(declared.weights) if declared.has_checkpoint else None,
        sha256=declared.sha256,
        takes=found.pop("takes", declared.takes or "frames"),
        arguments=declared.arguments or None,
        config=declared.config or None,
        processor=declared.processor or None,
        untrained=declared.untrained,
        transform=found.pop("transform", None),
        code=found.pop("code", None),
        pooling=declared.pooling,
        time=declared.time,
    )
    network = Network.model_validate({**_declared_fields(name, declared), **found, "own": own})
    check_record(network)
    return network


def _declared_fields(name: str, declared: OwnNetwork) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(Network.model_fields)
    return {
        **nothing,
        **declared.model_dump(include=_FACTS),
        "name": name,
        "source": declared.source,
        "source_id": declared.id,
        "in_study_99": False,
        "default": False,
        "weights": declared.weights or UNKNOWN,
        "parameters_published": declared.parameters,
        "gflops_published": declared.gflops,
        "layers": tuple(declared.layers),
        "layers_paper": (),
        "skips": (),
        "skips_paper": (),
        "not_tapped": (),
    }


def _check_name(name: str) -> None:
    place = f"[networks.own.{name}]"
    if name in catalog() or name in modern() or name in (STUDY_99, PAPER_92, MODERN):
        raise BadInput(place, found="a network of a catalog has that name", hint="choose another name")
    if not _NAME.fullmatch(name) or _UNTRAINED.search(name) or name.startswith("."):
        raise BadInput(
            place,
            expected="a name of letters, digits and . _ + @ -",
            found=repr(name),
            hint="-random<seed> is added to the names of untrained networks" if "-random" in name else None,
        )
