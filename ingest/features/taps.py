"""Taps: hooks that read the outputs of a network's layers during a forward pass.

A tap keeps the sum over the leading dimension, not the output: that dimension is frames (NCHW), crops (NCTHW)
or tokens (UniFormerV2), and is averaged in every case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from warehouse.errors import AlignhouseError, BadInput, near_names

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class LeadingSum:
    """A layer's output summed over its leading dimension.

    total : (width,) float64, on the output's device.
    rows : how many rows were summed.
    """

    total: torch.Tensor
    rows: int


class Taps:
    """Taps on the named layers of a module, set once; use as a context manager, which removes them.

    Parameters
    ----------
    layers : names of modules, in the network's order.
    when : "output", read a layer's output before the next layer can overwrite it; "memory", read what its
        memory holds once the forward pass is over.
    muted : read nothing before the first `listening` block; for several taps on one module.

    Raises
    ------
    BadInput : a layer is not in the module.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        layers: Sequence[str],
        when: Literal["output", "memory"],
        *,
        muted: bool = False,
    ) -> None:
        modules = dict(module.named_modules())
        for layer in layers:
            if layer not in modules:
                raise BadInput(f"layer {layer!r} is not in the network", hint=near_names(layer, modules))
        self._layers, self._when = tuple(layers), when
        self._kept: dict[str, list[tuple[str, Any]]] = {}
        self._listens = not muted
        self._only: frozenset[str] | None = None
        self._widths: dict[str, dict[str, int]] | None = None
        self._hooks = [modules[layer].register_forward_hook(self._hook(layer)) for layer in layers]

    def __enter__(self) -> Taps:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._kept.clear()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """A block whose forward passes are read; muted taps, and these once it ends, read no others."""
        self._listens = True
        try:
            yield
        finally:
            self._listens = False
            self._kept.clear()

    @contextmanager
    def measuring(self) -> Iterator[dict[str, int]]:
        """A block whose forward passes are only measured: it gives layer -> width, in the network's order."""
        self._widths = {}
        widths: dict[str, int] = {}
        try:
            with self.listening():
                yield widths
            # Networks may call layers in another order than they name them.
            for layer in self._layers:
                widths.update(self._widths.get(layer, {}))
        finally:
            self._widths = None

    def keep_only(self, names: frozenset[str]) -> None:
        """Read these of what `collect` would give from now on; the sums of others are not made."""
        self._only = names

    def collect(self) -> dict[str, LeadingSum]:
        """What the taps read in the last forward pass, by layer, in the network's order; empties the taps.

        A layer that gives several tensors becomes several: "name_0", "name_1", ...; one that gives a mapping
        becomes a layer for each of its tensors: "name_key".

        Raises
        ------
        AlignhouseError : a tapped layer was not called.
        """
        read: dict[str, LeadingSum] = {}
        for layer in self._layers:
            if layer not in self._kept:
                raise AlignhouseError(
                    f"layer {layer!r} was tapped, but the network's forward pass does not call it",
                    hint="leave it out of the network's layers (not_tapped in the catalog)",
                )
            for name, value in self._kept[layer]:
                read[name] = value if isinstance(value, LeadingSum) else _leading_sum(value)
        self._kept.clear()
        return read

    def _hook(self, layer: str) -> Any:
        def keep(module: torch.nn.Module, arguments: Any, output: Any) -> None:
            if not self._listens:
                return
            if layer in self._kept:
                raise AlignhouseError(f"layer {layer!r} is called more than once in a forward pass")
            named = _named_tensors(layer, output)
            if self._widths is not None:
                self._widths[layer] = {name: tensor.numel() // len(tensor) for name, tensor in named}
                named = []
            elif self._only is not None:
                named = [(name, tensor) for name, tensor in named if name in self._only]
            if self._when == "output":
                self._kept[layer] = [(name, _leading_sum(tensor)) for name, tensor in named]
            else:
                self._kept[layer] = list(named)

        return keep


def _named_tensors(layer: str, output: Any) -> list[tuple[str, torch.Tensor]]:
    import torch

    if isinstance(output, Mapping):
        found = [(f"{layer}_{key}", part) for key, part in output.items() if isinstance(part, torch.Tensor)]
    else:
        parts = output if isinstance(output, (tuple, list)) else [output]
        tensors = [part for part in parts if isinstance(part, torch.Tensor)]
        names = [layer] if len(tensors) == 1 else [f"{layer}_{part}" for part in range(len(tensors))]
        found = list(zip(names, tensors, strict=True))
    if not found:
        raise AlignhouseError(f"layer {layer!r} was tapped, but gives no tensor", found=type(output).__name__)
    return found


def _leading_sum(output: torch.Tensor) -> LeadingSum:
    import torch

    rows = output.reshape(output.shape[0], -1)
    return LeadingSum(rows.sum(dim=0, dtype=torch.float64), output.shape[0])
