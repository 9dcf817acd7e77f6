"""Which of a network's layers are read, from what two forward passes showed of them.

The automatic rule knows only names. Some of the modules that it names are never called, or ignore the input,
or return what an earlier one has returned. These are left out. What a study lists is read as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alignhouse.ingest.features.fingerprints import Fingerprint, are_alike, are_equal
from alignhouse.ingest.features.pooling import key_of_pooling
from alignhouse.ingest.features.taps import Measure, Seen, call_name
from alignhouse.ingest.models.layers import key_of_layers
from alignhouse.ingest.models.network import Network
from alignhouse.warehouse.errors import AlignhouseError, BadInput

NEVER_CALLED = "never called"
NO_TENSOR = "no tensor is returned"
CONSTANT = "the same for every stimulus"
NO_PATTERN = "one value in all features"
EQUAL = "equal to "


@dataclass(frozen=True)
class ReadableLayers:
    """The layers of a network that are read.

    layers : their names, in order. modules : those that return them. calls : module -> number of its calls.
    dropped : other candidates -> why they are not read.
    """

    layers: tuple[str, ...]
    modules: tuple[str, ...]
    calls: Mapping[str, int]
    dropped: Mapping[str, str] = field(default_factory=dict)

    def said(self, network: str) -> str:
        """One line about the candidates that are not read, by reason; "" if all are read."""
        return said_of_dropped(network, len(self.layers), self.dropped) if self.dropped else ""


def said_of_dropped(network: str, n_layers: int, dropped: Mapping[str, str]) -> str:
    """One line about candidates that are not read, by reason. dropped : name -> reason."""
    groups: dict[str, list[str]] = {}
    for name, reason in dropped.items():
        same = reason.startswith(EQUAL)
        shown = f"{name} (= {reason.removeprefix(EQUAL)})" if same else name
        groups.setdefault("equal to an earlier layer" if same else reason, []).append(shown)
    told = "; ".join(f"{reason}: {', '.join(names)}" for reason, names in groups.items())
    return f"{network}: {n_layers} layers are read. Not read: {told}"


def readable_layers(
    network: Network,
    first: Seen[Fingerprint],
    second: Seen[Fingerprint],
    *,
    listed: frozenset[str],
    automatic: bool,
    skip_bad: bool,
    rounded: bool = False,
) -> ReadableLayers:
    """The layers that are read, from two forward passes over different stimuli.

    Parameters
    ----------
    first, second : the same candidates in each pass.
    listed : candidates that the study lists by their full names. automatic : the study lists none.
    skip_bad : accept listed layers without an RDM; the extraction skips them.
    rounded : layers are equal if they differ by rounding; for outputs that are pooled.

    Raises
    ------
    BadInput : a listed layer is never called, returns no tensor or is the same for both stimuli; the modules
        that are called depend on the stimulus; or no layer is left.
    """
    if first.calls != second.calls or list(first.found) != list(second.found):
        names = [name for name in first.calls if first.calls[name] != second.calls[name]]
        raise BadInput(
            f"layers of network {network.name}",
            expected="the same calls for every stimulus",
            found="other calls of " + ", ".join(names or sorted({*first.found} ^ {*second.found})),
            hint=f"list other layers in {key_of_layers(network)}",
        )
    dropped = {name: NEVER_CALLED for name, calls in first.calls.items() if calls == 0}
    dropped |= {call: f"{NO_TENSOR} ({kind})" for call, kind in first.wordless.items()}
    dropped |= first.unpoolable
    layers: list[str] = []
    for name, one in first.found.items():
        fault = _fault(one, second.found[name])
        if fault and (automatic or not skip_bad):
            dropped[name] = fault
        elif automatic and (equal := _equal(name, layers, first, second, rounded=rounded)):
            dropped[name] = f"{EQUAL}{equal}"
        else:
            layers.append(name)
    if not automatic:
        _refuse_listed(network, first, dropped, listed)
        # A study's list is in the order of the network's modules.
        layers = [name for module in first.layers_of for name in first.layers_of[module]]
    if not layers:
        raise BadInput(
            f"layers of network {network.name}",
            expected="a layer that differs between stimuli",
            found="; ".join(f"{name}: {reason}" for name, reason in list(dropped.items())[:5]) or "none",
            hint=f"list layers in {key_of_layers(network)}",
        )
    wanted = set(layers)
    modules = tuple(name for name, its in first.layers_of.items() if wanted.intersection(its))
    return ReadableLayers(tuple(layers), modules, {name: first.calls[name] for name in modules}, dropped)


def _equal(
    name: str,
    earlier: Sequence[str],
    first: Seen[Fingerprint],
    second: Seen[Fingerprint],
    *,
    rounded: bool,
) -> str:
    """The first of the earlier layers with the same values for both stimuli; "" if there is none."""
    for other in earlier:
        pairs = [(seen.found[name], seen.found[other]) for seen in (first, second)]
        if all(are_equal(one, two, rounded=rounded) for one, two in pairs):
            return other
    return ""


def _fault(one: Fingerprint, other: Fingerprint) -> str:
    if not one.varies and not other.varies:
        return NO_PATTERN
    return CONSTANT if are_alike(one, other) else ""


def _refuse_listed(
    network: Network, seen: Seen[Fingerprint], dropped: Mapping[str, str], listed: frozenset[str]
) -> None:
    """BadInput for a listed layer that cannot be read; globs may match some that are not called."""
    for module, calls in seen.calls.items():
        names = [call_name(module, call, calls) for call in range(1, calls + 1)] or [module]
        prefixes = tuple(f"{name}_" for name in names)
        pooled = [name for name in seen.unpoolable if name in names or name.startswith(prefixes)]
        for name in dict.fromkeys([*names, *seen.layers_of[module], *pooled]):
            reason = dropped.get(name)
            if reason is None or (module not in listed and reason not in (CONSTANT, NO_PATTERN)):
                continue
            other = ", or set networks.skip_bad = true" if reason in (CONSTANT, NO_PATTERN) else ""
            if name in seen.unpoolable:
                other = f', or set pooling = "none" in {key_of_pooling(network)}'
            raise BadInput(
                f"layer {name} of network {network.name}",
                expected="features that differ between stimuli",
                found=reason,
                hint=f"take it out of {key_of_layers(network)}{other}",
            )


def refuse_unreadable(network: Network, seen: Seen[Measure]) -> None:
    """AlignhouseError if a module of a network was never called, or returned no tensor."""
    reasons = {name: NEVER_CALLED for name, calls in seen.calls.items() if calls == 0}
    for name, reason in (reasons | {call: NO_TENSOR for call in seen.wordless}).items():
        raise AlignhouseError(
            f"layer {name!r} of network {network.name} was tapped",
            expected="activations",
            found=reason,
            hint=f"leave it out: {key_of_layers(network)}",
        )
