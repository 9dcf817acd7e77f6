"""Taps: hooks that read the outputs of a network's layers during a forward pass.

A tap keeps the output's sum over the leading dimension. That dimension holds frames (NCHW), crops (NCTHW) or
tokens (UniFormerV2), and is averaged in all cases.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from alignhouse.warehouse.errors import AlignhouseError, BadInput, near_names

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class LeadingSum:
    """A layer's output in one call, summed over its leading dimension.

    total : (width,) on the output's device; float32, or float64 for an output in float64.
    scale : total * scale is this call's share of the stimulus' average.
    """

    total: torch.Tensor
    scale: float


@dataclass(frozen=True)
class Measure:
    """Sizes of a layer's output in one call.

    shape : all dimensions except the leading one; width : their product.
    rows : the leading dimension.
    """

    shape: tuple[int, ...]
    rows: int

    @property
    def width(self) -> int:
        return math.prod(self.shape)


class Taps:
    """Taps on the named layers of a module; a context manager, which removes them.

    Parameters
    ----------
    layers : names of modules, in the network's order.
    when : "output", read a layer's output before the next layer can overwrite it; "memory", read the content
        of its memory after the forward pass.
    muted : read only inside `listening` blocks; for several taps on one module.

    Attributes
    ----------
    weights : weight of each part of the next call in the stimulus' average.

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
        self._measures: dict[str, dict[str, Measure]] | None = None
        self.weights: Sequence[float] = (1.0,)
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
        """Read the forward passes inside the block. After the block, the taps are muted."""
        self._listens = True
        try:
            yield
        finally:
            self._listens = False
            self._kept.clear()

    @contextmanager
    def measuring(self) -> Iterator[dict[str, Measure]]:
        """Only measure the forward passes inside the block: layer -> sizes, in the network's order."""
        self._measures = {}
        measures: dict[str, Measure] = {}
        try:
            with self.listening():
                yield measures
            # Networks may call layers in another order than `named_modules`.
            for layer in self._layers:
                measures.update(self._measures.get(layer, {}))
        finally:
            self._measures = None

    def keep_only(self, names: frozenset[str]) -> None:
        """From now on, sum only these of the layers that `collect` returns."""
        self._only = names

    def collect(self) -> dict[str, LeadingSum]:
        """The sums of the last forward pass by layer, in the network's order; empties the taps.

        A layer that returns several tensors becomes several layers: "name_0", "name_1", ... (or "name_key").

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
                read[name] = value if isinstance(value, LeadingSum) else leading_sum(value, self.weights)
        self._kept.clear()
        return read

    def _hook(self, layer: str) -> Any:
        def keep(module: torch.nn.Module, arguments: Any, output: Any) -> None:
            if not self._listens:
                return
            if layer in self._kept:
                raise AlignhouseError(f"layer {layer!r} is called more than once in a forward pass")
            named = _named_tensors(layer, output)
            if self._measures is not None:
                self._measures[layer] = {
                    name: Measure(tuple(tensor.shape[1:]), len(tensor)) for name, tensor in named
                }
                named = []
            elif self._only is not None:
                named = [(name, tensor) for name, tensor in named if name in self._only]
            if self._when == "output":
                self._kept[layer] = [(name, leading_sum(tensor, self.weights)) for name, tensor in named]
            else:
                self._kept[layer] = list(named)

        return keep


def leading_sum(output: torch.Tensor, weights: Sequence[float]) -> LeadingSum:
    """The weighted sum of `output` over its leading dimension; always a copy.

    A call of one part may have several rows (frames, crops, tokens); the part's weight is divided among them.

    Raises
    ------
    AlignhouseError : there are several parts, and the number of rows differs from theirs.
    """
    import torch

    rows = len(output)
    kind = torch.float64 if output.dtype == torch.float64 else torch.float32
    if rows == 1 or len(weights) == 1:
        # A single row needs no sum, but must be copied, since later layers may overwrite its memory.
        total = output[0].to(kind, copy=True) if rows == 1 else _sum(output, kind)
        return LeadingSum(total.reshape(-1), weights[0] / rows)
    if rows != len(weights):
        raise AlignhouseError(
            "a tapped layer of a call", expected=f"{len(weights)} rows, one a part", found=rows
        )
    if len(set(weights)) == 1:
        return LeadingSum(_sum(output, kind).reshape(-1), weights[0])
    weighted = output[0].to(kind) * weights[0]
    for row, weight in zip(output[1:], weights[1:], strict=True):
        weighted = weighted + row.to(kind) * weight
    return LeadingSum(weighted.reshape(-1), 1.0)


def _sum(output: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """The sum over the leading dimension, in the order of the values in memory.

    torch's own sum is 30 times slower for channels last than for the same values in a flat row.
    """
    order = sorted(range(1, output.ndim), key=output.stride, reverse=True)
    as_it_lies = output.permute(0, *order)
    flat = as_it_lies.reshape(len(output), -1).sum(dim=0, dtype=kind)
    back = [order.index(place) for place in range(1, output.ndim)]
    return flat.reshape(as_it_lies.shape[1:]).permute(back)


def _named_tensors(layer: str, output: Any) -> list[tuple[str, torch.Tensor]]:
    """The tensors that a layer returns; several are named "layer_0", ..., those of a mapping "layer_key"."""
    import torch

    if isinstance(output, torch.Tensor):
        return [(layer, output)]
    if isinstance(output, Mapping):
        of_keys = [(f"{layer}_{key}", part) for key, part in output.items() if isinstance(part, torch.Tensor)]
    else:
        parts = output if isinstance(output, (tuple, list)) else ()
        tensors = [part for part in parts if isinstance(part, torch.Tensor)]
        if len(tensors) == 1:
            return [(layer, tensors[0])]
        of_keys = [(f"{layer}_{place}", tensor) for place, tensor in enumerate(tensors)]
    if not of_keys:
        raise AlignhouseError(
            f"layer {layer!r} was tapped, but returns no tensor", found=type(output).__name__
        )
    return of_keys
