"""Taps: hooks that read the outputs of a network's layers during a forward pass.

A tap keeps the output's sum over the leading dimension. That dimension holds frames (NCHW), crops (NCTHW) or
tokens (UniFormerV2), and is averaged in all cases.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from alignhouse.warehouse.errors import AlignhouseError, BadInput, near_names

if TYPE_CHECKING:
    import torch

Looked = TypeVar("Looked")


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


@dataclass
class Seen(Generic[Looked]):
    """What one forward pass showed of the tapped layers.

    found : layer -> what is known of its output, in the order in which outputs were made.
    calls : module -> number of its calls, 0 if it was never called. layers_of : module -> its layers.
    wordless : call that returned no tensor -> the type of what it returned.
    unpoolable : layer that cannot be pooled as asked -> why.
    """

    found: dict[str, Looked] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    layers_of: dict[str, list[str]] = field(default_factory=dict)
    wordless: dict[str, str] = field(default_factory=dict)
    unpoolable: dict[str, str] = field(default_factory=dict)


class Taps:
    """Taps on the named modules of a network; a context manager, which removes them.

    A module that is called several times in a forward pass gives a layer for each call: "name@1", "name@2".
    A call that returns several tensors gives a layer for each: "name_0", "name_1" (or "name_key").

    Parameters
    ----------
    layers : names of modules, in the network's order.
    when : "output", read a layer's output before the next layer can overwrite it; "memory", read the content
        of its memory after the forward pass.
    muted : read only inside `listening` blocks; for several taps on one module.
    pool : what is read instead of the whole output of a module, or why there is no such thing; see `pooling`.

    Attributes
    ----------
    weights : weight of each part of the next call in the stimulus' average.
    seen : what the forward pass of `measuring` showed.

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
        pool: Callable[[str, torch.Tensor], torch.Tensor | str] | None = None,
    ) -> None:
        self._modules = dict(module.named_modules())
        for layer in layers:
            if layer not in self._modules:
                raise BadInput(
                    f"layer {layer!r} is not in the network", hint=near_names(layer, self._modules)
                )
        self._layers, self._when = tuple(layers), when
        self._kept: dict[str, list[list[tuple[str, Any]]]] = {}
        self.seen: Seen[Measure] = Seen()
        self._listens, self._pool = not muted, pool
        self._only: frozenset[str] | None = None
        self._idle: frozenset[str] = frozenset()
        self._outputs: list[tuple[str, list[tuple[str, Any]], str]] | None = None
        self._look: Callable[[torch.Tensor], Any] | None = None
        self.weights: Sequence[float] = (1.0,)
        self._hooks = [self._modules[layer].register_forward_hook(self._hook(layer)) for layer in layers]

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
    def inspecting(self, look: Callable[[torch.Tensor], Looked]) -> Iterator[Seen[Looked]]:
        """Only look at the outputs of the one forward pass inside the block; filled when the block ends.

        look : called with each tensor that a layer returns, as soon as `when` says; its results are kept.
        """
        seen: Seen[Looked] = Seen()
        self._outputs, self._look = [], look
        try:
            with self.listening():
                yield seen
            self._name(seen)
        finally:
            self._outputs = self._look = None

    @contextmanager
    def measuring(self) -> Iterator[dict[str, Measure]]:
        """Only measure the forward pass inside the block: layer -> sizes, in the network's order.

        From then on, `seen` says what the pass showed, and `collect` expects these calls.
        """
        measures: dict[str, Measure] = {}
        with self.inspecting(measure_of) as seen:
            yield measures
        self.seen = seen
        # Networks may call layers in another order than `named_modules`.
        for layer in self._layers:
            measures.update({name: seen.found[name] for name in seen.layers_of[layer]})

    def keep_only(self, names: frozenset[str]) -> None:
        """From now on, sum only these of the layers that `collect` returns."""
        self._only = names
        of_modules = self.seen.layers_of.items()
        self._idle = frozenset(module for module, its in of_modules if names.isdisjoint(its))

    def collect(self) -> dict[str, LeadingSum]:
        """The sums of the last forward pass by layer, in the network's order; empties the taps.

        Raises
        ------
        AlignhouseError : a module was not called as often as it is known to be.
        """
        read: dict[str, LeadingSum] = {}
        for layer in self._layers:
            if layer in self._idle:
                continue
            kept, expected = self._kept.get(layer, []), self.seen.calls.get(layer, 1)
            if len(kept) < expected:
                raise AlignhouseError(
                    f"layer {layer!r} was tapped, but the network's forward pass does not call it"
                    + (f" {expected} times" if expected > 1 else ""),
                    hint="leave it out of the network's layers",
                )
            for name, value in (each for of_call in kept for each in of_call):
                read[name] = value if isinstance(value, LeadingSum) else self._leading_sum(name, value)
        self._kept.clear()
        return read

    def _hook(self, layer: str) -> Any:
        def keep(module: torch.nn.Module, arguments: Any, output: Any) -> None:
            if not self._listens:
                return
            if self._outputs is not None:
                self._outputs.append((layer, *self._looked_at(layer, output)))
                return
            if layer in self._idle:
                return
            kept, times = self._kept.setdefault(layer, []), self.seen.calls.get(layer, 1)
            if len(kept) >= times:
                often = "once" if times == 1 else f"{times} times"
                raise AlignhouseError(f"layer {layer!r} is called more than {often} in a forward pass")
            call = call_name(layer, len(kept) + 1, times)
            named = [(f"{call}{suffix}", tensor) for suffix, tensor in _tensors(output)]
            if not named:
                raise AlignhouseError(
                    f"layer {call!r} was tapped, but returns no tensor", found=type(output).__name__
                )
            if self._only is not None:
                named = [(name, tensor) for name, tensor in named if name in self._only]
            if self._when == "output":
                kept.append([(name, self._leading_sum(name, tensor)) for name, tensor in named])
            else:
                kept.append(named)

        return keep

    def _leading_sum(self, layer: str, output: torch.Tensor) -> LeadingSum:
        pooled = output if self._pool is None else self._pool(layer, output)
        if isinstance(pooled, str):
            raise AlignhouseError(f"layer {layer!r} cannot be pooled", found=pooled)
        return leading_sum(pooled, self.weights)

    def _looked_at(self, layer: str, output: Any) -> tuple[list[tuple[str, Any]], str]:
        tensors: list[tuple[str, Any]] = _tensors(output)
        if self._when == "output":
            tensors = [(suffix, self._look_at(layer, tensor)) for suffix, tensor in tensors]
        return tensors, type(output).__name__

    def _look_at(self, layer: str, output: torch.Tensor) -> Any:
        assert self._look is not None
        pooled = output if self._pool is None else self._pool(layer, output)
        return pooled if isinstance(pooled, str) else self._look(pooled)

    def _name(self, seen: Seen[Any]) -> None:
        assert self._outputs is not None
        seen.calls = {layer: 0 for layer in self._layers}
        seen.layers_of = {layer: [] for layer in self._layers}
        for layer, *_ in self._outputs:
            seen.calls[layer] += 1
        done = dict.fromkeys(self._layers, 0)
        for layer, values, kind in self._outputs:
            done[layer] += 1
            call = call_name(layer, done[layer], seen.calls[layer])
            if call != layer and call in self._modules:
                raise AlignhouseError(
                    f"layer {layer!r} is called several times, and a module has the name of a call: {call}"
                )
            if not values:
                seen.wordless[call] = kind
            for suffix, value in values:
                looked = value if self._when == "output" else self._look_at(layer, value)
                if isinstance(looked, str):
                    seen.unpoolable[f"{call}{suffix}"] = looked
                    continue
                seen.found[f"{call}{suffix}"] = looked
                seen.layers_of[layer].append(f"{call}{suffix}")


def call_name(module: str, call: int, calls: int) -> str:
    """The name of a module's call, from 1: that of the module if it is the only one, else "module@call"."""
    return f"{module}@{call}" if calls > 1 else module


def measure_of(output: torch.Tensor) -> Measure:
    """The sizes of a layer's output."""
    return Measure(tuple(output.shape[1:]), len(output))


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
        total = _copied(output[0], kind) if rows == 1 else _in_a_row(_sum(output, kind))
        return LeadingSum(total, weights[0] / rows)
    if rows != len(weights):
        raise AlignhouseError(
            "a tapped layer of a call", expected=f"{len(weights)} rows, one a part", found=rows
        )
    if len(set(weights)) == 1:
        return LeadingSum(_in_a_row(_sum(output, kind)), weights[0])
    weighted = output[0].to(kind) * weights[0]
    for row, weight in zip(output[1:], weights[1:], strict=True):
        weighted = weighted + row.to(kind) * weight
    return LeadingSum(_in_a_row(weighted), 1.0)


def _sum(output: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """The sum over the leading dimension, in the order of the values in memory.

    torch's own sum is 30 times slower for channels last than for the same values in a flat row.
    """
    order = sorted(range(1, output.ndim), key=output.stride, reverse=True)
    as_it_lies = output.permute(0, *order)
    flat = as_it_lies.reshape(len(output), -1).sum(dim=0, dtype=kind)
    back = [order.index(place) for place in range(1, output.ndim)]
    return flat.reshape(as_it_lies.shape[1:]).permute(back)


def _copied(values: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """`values` as a row of another type, and always a copy."""
    row = _in_a_row(values)
    return row.to(kind, copy=row.data_ptr() == values.data_ptr())


def _in_a_row(values: torch.Tensor) -> torch.Tensor:
    """`values` of any layout as a row; a view where memory has that order.

    torch transposes a matrix four times faster than it reorders three or more dimensions.
    """
    return (values.flatten(1).contiguous() if values.ndim > 2 else values).reshape(-1)


def _tensors(output: Any) -> list[tuple[str, torch.Tensor]]:
    """The tensors that a call returns, each with what its name adds to that of the layer: "", "_0", "_key".

    Single numbers and empty tensors are no activations, and are left out.
    """
    import torch

    def is_pattern(part: Any) -> bool:
        return isinstance(part, torch.Tensor) and part.ndim > 0 and part.numel() > 0

    if isinstance(output, Mapping):
        return [(f"_{key}", part) for key, part in output.items() if is_pattern(part)]
    parts = output if isinstance(output, (tuple, list)) else (output,)
    tensors = [part for part in parts if is_pattern(part)]
    if len(tensors) == 1:
        return [("", tensors[0])]
    return [(f"_{place}", tensor) for place, tensor in enumerate(tensors)]
