"""All sources of networks by name. A source's module is imported when the source is first used."""

from __future__ import annotations

import importlib
from functools import cache

from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.source import ClipSource, Source
from alignhouse.warehouse.errors import BadInput, near_names

# Name -> module and class. A new library is one module with one class, and one line here.
SOURCES = {
    "torchvision": "alignhouse.ingest.models.sources.torchvision:Torchvision",
    "timm": "alignhouse.ingest.models.sources.timm:Timm",
    "transformers": "alignhouse.ingest.models.sources.transformers:Transformers",
    "open_clip": "alignhouse.ingest.models.sources.open_clip:OpenClip",
    "mmaction2": "alignhouse.ingest.models.sources.mmaction2:MMAction2",
    "function": "alignhouse.ingest.models.sources.function:FunctionSource",
}


def get_source(name: str) -> Source:
    """The source of that name.

    Raises
    ------
    BadInput : no source has that name; lists close matches.
    """
    if name not in SOURCES:
        raise BadInput(f"unknown source of networks {name!r}", hint=near_names(name, SOURCES))
    return _load(SOURCES[name])


def source_of(network: Network) -> Source:
    """The source of a network; errors as in `get_source`."""
    return get_source(network.source)


def clip_source_of(network: Network) -> ClipSource:
    """The source of a network that takes clips; BadInput where the source cannot sample clips."""
    source = source_of(network)
    if not isinstance(source, ClipSource):
        raise BadInput(
            f"network {network.name}",
            expected="a source that samples clips, since the network has a clip_len",
            found=network.source,
        )
    return source


def check_record(network: Network) -> None:
    """Check a record against its source.

    Raises
    ------
    BadInput : an unknown source, or a clip_len where the source samples no clips.
    ValueError : a field that the source needs is missing.
    """
    if network.takes == "clips":
        clip_source_of(network)
    source_of(network).check_record(network)


@cache
def _load(address: str) -> Source:
    module, _, name = address.partition(":")
    source: Source = getattr(importlib.import_module(module), name)()
    return source
