"""Networks computed several at a time, for jobs that are one network each.

What networks share (ranked and permuted brain RDMs, resamples) costs more than one network does. Jobs stay
single, so that they are registered, resumed and replaced one by one; the first of a few that is asked for
computes them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from alignhouse.warehouse.errors import BadInput

Result = TypeVar("Result")

# Layers computed at a time: enough that what networks share weighs little, few enough that a killed run
# loses seconds.
LAYERS_TOGETHER = 512


def layers_together(n_pairs: int, bytes_a_pair: int, memory: int) -> int:
    """How many layers to compute at a time, where what is held of their RDMs may take `memory` bytes."""
    return max(1, min(LAYERS_TOGETHER, memory // (n_pairs * bytes_a_pair)))


class Together(Generic[Result]):
    """Results of networks by name, computed in groups of about `most` layers.

    Parameters
    ----------
    layers : network -> its number of layers, in the order in which they will be asked for; those that will
        not be asked for are best left out.
    compute : names -> name -> result.
    """

    def __init__(
        self,
        layers: Mapping[str, int],
        compute: Callable[[Sequence[str]], Mapping[str, Result]],
        most: int = LAYERS_TOGETHER,
    ) -> None:
        self._layers, self._compute, self._most = dict(layers), compute, most
        self._ready: dict[str, Result] = {}
        self._singly = False

    def result(self, name: str) -> Result:
        """The result of one network; each can be asked for once.

        Raises whatever `compute` raises of this network. Bad input in a network that was computed along with
        it is left for that network to raise.
        """
        if name not in self._ready:
            group = [name] if self._singly else self._group(name)
            try:
                self._ready.update(self._compute(group))
            except BadInput:
                if len(group) == 1:
                    raise
                self._singly = True
                self._ready.update(self._compute([name]))
        self._layers.pop(name, None)
        return self._ready.pop(name)

    def _group(self, name: str) -> list[str]:
        group, layers = [name], self._layers.get(name, 0)
        for other, count in self._layers.items():
            if other == name or other in self._ready:
                continue
            if layers + count > self._most:
                break
            group.append(other)
            layers += count
        return group
