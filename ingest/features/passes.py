"""Plans passes over the stimuli, so that features fit into scratch and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.sizes import size_in_words

SPOOLED_BYTES = np.dtype(np.float32).itemsize
# For each feature of the current stimulus: a float64 sum over calls, the last call and the mean in float32.
HELD_BYTES = np.dtype(np.float64).itemsize + 2 * SPOOLED_BYTES


@dataclass(frozen=True)
class Plan:
    """Passes over the stimuli.

    passes : for each pass and each set of settings, the layers whose features are kept.
    spool_bytes : size of all features of all layers.
    n_stimuli : stimuli shown in each pass.
    on_device : whether features are kept in the device's memory instead of on disk.
    """

    passes: tuple[tuple[frozenset[str], ...], ...]
    spool_bytes: int
    n_stimuli: int
    on_device: bool = False

    def described(self, what: str, scratch_bytes: float) -> str:
        """One line that says why several passes are needed."""
        return (
            f"{what}: {size_in_words(self.spool_bytes)} of features do not fit into "
            f"{size_in_words(scratch_bytes)} of scratch, or into memory at once: "
            f"{len(self.passes)} passes over groups of layers"
        )


def plan_passes(
    widths: Sequence[Mapping[str, int]],
    n_stimuli: int,
    *,
    scratch_bytes: float,
    memory: float,
    what: str,
    value_bytes: Sequence[int],
) -> Plan:
    """Group layers, in their order, into as few passes as possible.

    Parameters
    ----------
    widths : for each set of settings, layer -> number of features, in the network's order.
    scratch_bytes : limit for the features of all stimuli in one pass.
    memory : limit in bytes for the features of one stimulus.
    what : name of the network, for errors.
    value_bytes : bytes of one feature on disk, for each set of settings.

    Raises
    ------
    BadInput : a single layer exceeds a limit.
    """
    # Group layers of similar depth under all settings, since they share forward passes.
    places = [
        (index / len(of_settings), number, name, width)
        for number, of_settings in enumerate(widths)
        for index, (name, width) in enumerate(of_settings.items())
    ]
    passes: list[list[set[str]]] = []
    spooled = held = 0.0
    for _, number, name, width in sorted(places, key=lambda place: place[:2]):
        to_spool, to_hold = n_stimuli * width * value_bytes[number], width * HELD_BYTES
        _refuse_too_much(
            f"layer {name} of network {what}, {n_stimuli:,} stimuli", to_spool, scratch_bytes, "scratch"
        )
        _refuse_too_much(f"layer {name} of network {what}, one stimulus", to_hold, memory, "memory")
        if not passes or spooled + to_spool > scratch_bytes or held + to_hold > memory:
            passes.append([set() for _ in widths])
            spooled = held = 0.0
        passes[-1][number].add(name)
        spooled, held = spooled + to_spool, held + to_hold
    in_sets = tuple(tuple(map(frozenset, each)) for each in passes)
    return Plan(in_sets, features_bytes(widths, n_stimuli, value_bytes), n_stimuli)


def features_bytes(widths: Sequence[Mapping[str, int]], n_stimuli: int, value_bytes: Sequence[int]) -> int:
    """Bytes of all features of a network on disk; parameters as in `plan_passes`."""
    of_stimulus = sum(
        size * sum(of_settings.values()) for of_settings, size in zip(widths, value_bytes, strict=True)
    )
    return n_stimuli * of_stimulus


def _refuse_too_much(what: str, needed: float, allowed: float, kind: str) -> None:
    if needed > allowed:
        raise BadInput(
            f"features of {what}",
            expected=f"at most {size_in_words(allowed)} of {kind}",
            found=size_in_words(needed),
            hint=f"raise compute.{kind}",
        )
