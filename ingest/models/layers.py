"""Which layers of a network are read.

Explicit lists come first; those of a study's own networks may hold globs. Otherwise the default layers of the
network's source, without the network's skips.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.sources.automatic_layers import numbered_block
from alignhouse.ingest.models.sources.registry import source_of
from alignhouse.warehouse.errors import BadInput, near_names

if TYPE_CHECKING:
    import torch

LayerList = Literal["sound", "paper"]
_GLOB = re.compile(r"\*\*|.", re.DOTALL)


def layers_of(module: torch.nn.Module, network: Network, style: LayerList = "sound") -> list[str]:
    """Names of the modules whose outputs are the network's layers, in the network's order.

    Parameters
    ----------
    style : "sound", the layers with today's libraries; "paper", the layers of the published
        lists (an older timm had fewer modules, and put a Swin stage's downsampling at its end).

    Raises
    ------
    BadInput : a listed layer or a skip is not in the network (another version of the library, for example), a
        glob matches nothing, or the network has no named modules.
    """
    names = [name for name, _ in module.named_modules() if name]
    explicit = network.layers_paper if style == "paper" and network.layers_paper else network.layers
    if network.own is not None and explicit:
        return _matching(explicit, names, network)
    if explicit:
        _check_known(explicit, names, network, "layer")
        return list(explicit)
    if not names:
        raise BadInput(f"layers of network {network.name}", expected="named modules", found="none")
    default = source_of(network).default_layers(module)
    underscored = [name.replace(".", "_") for name in default]
    _check_known(network.skips, underscored, network, "skipped layer")
    skips = network.skips + (network.skips_paper if style == "paper" else ())
    return [
        name
        for name, flat in zip(default, underscored, strict=True)
        if name not in network.not_tapped and not any(fnmatchcase(flat, skip) for skip in skips)
    ]


def left_out(module: torch.nn.Module, network: Network, style: LayerList = "sound") -> dict[str, str]:
    """Each module that is not among `layers_of` -> why, in the network's order."""
    names = [name for name, _ in module.named_modules() if name]
    chosen = set(layers_of(module, network, style))
    by_source = set(source_of(network).default_layers(module))
    listed = network.layers_paper if style == "paper" and network.layers_paper else network.layers
    reasons = {}
    for name in names:
        if name in chosen:
            continue
        if listed:
            reasons[name] = "not in the list of layers"
        elif name in network.not_tapped:
            reasons[name] = "not tapped, says the catalog"
        elif name in by_source:
            reasons[name] = "skipped by the catalog"
        elif block := numbered_block(name):
            reasons[name] = f"inside {block}"
        elif any(each.startswith(f"{name}.") for each in names):
            reasons[name] = "its parts are read instead"
        else:
            reasons[name] = f"not a layer by the rule of {network.source}"
    return reasons


def key_of_layers(network: Network) -> str:
    """Where a user changes which layers of a network are read."""
    if network.declared_in is not None:
        return f"layers of {network.declared_in}"
    if network.own is None:
        return f"not_tapped of {network.name} in the catalog"
    return (
        f'layers of a network of your own: [networks.own.NAME] with source = "{network.source}" and '
        f'id = "{network.source_id}"'
    )


def _matching(wanted: Iterable[str], names: Sequence[str], network: Network) -> list[str]:
    """The names that are wanted, or match a wanted glob, in the network's order."""
    found: set[str] = set()
    for pattern in wanted:
        matches = re.compile(_GLOB.sub(_in_regular_expression, pattern)).fullmatch
        matching = [pattern] if pattern in names else [name for name in names if matches(name)]
        if not matching:
            raise BadInput(
                f"layer {pattern!r} of network {network.name}",
                expected=f"the name of a module of {network.source_id}, or a glob that matches some",
                found="none of that name",
                hint=near_names(pattern, names),
            )
        found.update(matching)
    return [name for name in names if name in found]


def _in_regular_expression(part: re.Match[str]) -> str:
    # Dots separate the parts of a name, as slashes separate folders in the shell.
    return {"**": ".*", "*": "[^.]*", "?": "[^.]"}.get(part[0]) or re.escape(part[0])


def _check_known(wanted: Iterable[str], known: Sequence[str], network: Network, what: str) -> None:
    for name in wanted:
        if name not in known:
            raise BadInput(
                f"{what} {name!r} of network {network.name}",
                expected=f"a module of {network.source}'s {network.source_id}",
                found="none of that name",
                hint=near_names(name, known),
            )
