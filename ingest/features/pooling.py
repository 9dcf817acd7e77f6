"""Pooling: fewer features of a layer, by a mean or maximum over tokens, space or time, or by the class token.

What the dimensions of an output mean, with channels first or last:

- (B, C): the channels. Pooling changes nothing.
- (B, N, C), (B, C, N): tokens. "mean" and "max" go over all N tokens, class and register tokens included;
  "cls" takes the class token, which must be the first.
- (B, C, H, W), (B, H, W, C): a map. "mean" and "max" go over H and W; there is no class token.
- (B, C, T, H, W), (B, T, H, W, C): a map for each time. Pooling goes over H and W. `time = "mean"` averages
  over T before that.
- (B, N, C) of a network of clips, where N = T H W of an output of five dimensions in the same forward pass:
  `time = "mean"` averages over T, which is the slowest of the three. A class token and registers may come
  before the T H W tokens; they stay.

B is the leading dimension, which taps average over. It stays.

Where the channels are is not guessed but found in a forward pass. An output has them where modules of known
layout (convolutions, normalisations, linear layers) have them in outputs of the same shape. If there are
none, the channels must be as many as those of some such module, and the map of a square input must itself be
square. If this leaves no place or two, the layer is not read, and is an error if the study lists it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.network import Network
from alignhouse.warehouse.errors import BadInput

if TYPE_CHECKING:
    import torch

_CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")
_REGISTERS = ("reg_token", "register_tokens")
NO_CLASS_TOKEN = "no class token"
UNCLEAR = "channels in no or several places of"


@dataclass
class Layouts:
    """What one forward pass showed of the dimensions of outputs.

    channels : shape without the leading dimension -> axes of the channels, from modules of known layout.
    widths : numbers of these channels. leading : shape without the leading dimension -> sizes of the latter.
    grids : (T, H, W) of outputs of five dimensions. tokens : N of outputs of three dimensions.
    prefix : tokens before those of space, the class token first; 0: the network has no class token.
    is_square : whether the network's input is as high as it is wide.
    batches : sizes of a leading dimension that holds inputs, or the frames of one.
    """

    channels: dict[tuple[int, ...], set[int]] = field(default_factory=dict)
    widths: set[int] = field(default_factory=set)
    leading: dict[tuple[int, ...], set[int]] = field(default_factory=dict)
    grids: set[tuple[int, ...]] = field(default_factory=set)
    tokens: set[int] = field(default_factory=set)
    prefix: int = 0
    is_square: bool = False
    batches: set[int] = field(default_factory=lambda: {1})

    def axis(self, shape: tuple[int, ...]) -> int | None:
        """The axis of the channels of an output, 1 or the last; None if it is not clear."""
        found = self.channels.get(shape[1:], set())
        if not found:
            last = len(shape) - 1
            found = {axis for axis in (1, last) if shape[axis] in self.widths}
            if self.is_square and len(shape) in (4, 5):
                # The map is square, and lies before or after the channels.
                squares = {1} if shape[-1] == shape[-2] else set()
                squares |= {last} if shape[-2] == shape[-3] and len(shape) == 4 else set()
                squares |= {last} if len(shape) == 5 and shape[2] == shape[3] else set()
                found = found & squares if found else squares
        return next(iter(found)) if len(found) == 1 else None


class Pooling:
    """Pools the outputs of a network's layers; called with a layer's name and its output in one call.

    Parameters
    ----------
    settings : `pooling` and `time`.

    Raises
    ------
    BadInput : the class token of a network that has none.
    """

    def __init__(self, network: Network, settings: ExtractionSettings, layouts: Layouts) -> None:
        if settings.pooling == "cls" and not layouts.prefix:
            raise BadInput(
                f'pooling = "cls" of network {network.name}',
                expected=f"a class token, a parameter called {', '.join(_CLASS_TOKENS)}",
                found="none",
                hint=f"choose another pooling in {key_of_pooling(network)}",
            )
        self._layouts, self._pooling = layouts, settings.pooling
        self._time = settings.time == "mean" and network.takes != "frames"

    def __call__(self, layer: str, output: torch.Tensor) -> torch.Tensor | str:
        """The pooled output, (B, C), or (B, ...) if only time is; or why the layer has none.

        layer : its name. An output that could mean two things is not pooled.
        """
        if output.ndim < 3:
            return output
        axis = self._layouts.axis(tuple(output.shape))
        if axis is None or output.ndim > 5:
            return f"{UNCLEAR} {_in_words(output)}"
        leading = self._layouts.leading.get(tuple(output.shape[1:]), set())
        if self._pooling in ("cls", "max") and not leading <= self._layouts.batches:
            return f"tokens in the leading dimension of {_in_words(output)}"
        output = output.movedim(axis, -1)
        if self._pooling == "cls":
            return self._class_token(output)
        if self._time and output.ndim == 5:
            output = output.mean(dim=1)
        elif self._time and output.ndim == 3 and output.shape[1] > 1:
            averaged = self._mean_over_time(output)
            if averaged is None:
                return f"no known time in the tokens of {_in_words(output)}"
            output = averaged
        if self._pooling == "none":
            return output
        space = tuple(range(output.ndim - 3, output.ndim - 1)) if output.ndim > 3 else (1,)
        return output.mean(dim=space) if self._pooling == "mean" else output.amax(dim=space)

    def _class_token(self, tokens: torch.Tensor) -> torch.Tensor | str:
        prefix, count = self._layouts.prefix, tokens.shape[1]
        # The class token is added to the tokens of space: before that, there are fewer.
        if tokens.ndim != 3 or not prefix or count + prefix in self._layouts.tokens:
            return NO_CLASS_TOKEN
        return tokens[:, 0]

    def _mean_over_time(self, tokens: torch.Tensor) -> torch.Tensor | None:
        """The tokens averaged over time; those before the tokens of space stay, and are first."""
        import torch

        count = tokens.shape[1]
        found = {
            (grid[0], prefix)
            for prefix in {0, self._layouts.prefix}
            for grid in self._layouts.grids
            if math.prod(grid) == count - prefix
        }
        if len(found) != 1:
            return None
        [(steps, prefix)] = found
        averaged = tokens[:, prefix:].unflatten(1, (steps, (count - prefix) // steps)).mean(dim=1)
        return torch.cat((tokens[:, :prefix], averaged), dim=1) if prefix else averaged


def _in_words(output: torch.Tensor) -> str:
    return "x".join(map(str, output.shape))


def key_of_pooling(network: Network) -> str:
    """The table of the study file in which a network's pooling can be changed."""
    return network.declared_in or "[networks]"


def pools(network: Network, settings: ExtractionSettings) -> bool:
    """Whether these settings change what is read of a network."""
    return settings.pooling != "none" or (settings.time == "mean" and network.takes != "frames")


@contextmanager
def finding_layouts(module: torch.nn.Module) -> Iterator[Layouts]:
    """Find the layouts of outputs in the forward pass inside the block."""
    import torch

    layouts = Layouts(prefix=_prefix(module))

    def look(inner: torch.nn.Module, arguments: Any, output: Any) -> None:
        if not isinstance(output, torch.Tensor) or output.ndim < 3:
            return
        axis, shape = _known_axis(inner, output), tuple(output.shape)
        if axis is None:
            return
        layouts.channels.setdefault(shape[1:], set()).add(axis)
        layouts.leading.setdefault(shape[1:], set()).add(shape[0])
        layouts.widths.add(shape[axis])
        if output.ndim == 3:
            layouts.tokens.add(shape[3 - axis])
        if output.ndim == 5:
            layouts.grids.add(shape[2:] if axis == 1 else shape[1:-1])

    def see_input(inner: torch.nn.Module, arguments: Any) -> None:
        for given in arguments:
            if isinstance(given, torch.Tensor) and given.ndim > 3:
                layouts.is_square = given.shape[-1] == given.shape[-2]
                layouts.batches |= {given.shape[0], math.prod(given.shape[:2]), math.prod(given.shape[:-3])}

    hooks = [each.register_forward_hook(look) for each in module.modules()]
    hooks.append(module.register_forward_pre_hook(see_input))
    try:
        yield layouts
    finally:
        for hook in hooks:
            hook.remove()


def _known_axis(module: torch.nn.Module, output: torch.Tensor) -> int | None:
    """The axis of the channels in the output of a module of torch's own; None for other modules."""
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm
    from torch.nn.modules.conv import _ConvNd

    if isinstance(module, (_ConvNd, _BatchNorm, nn.GroupNorm)):
        return 1
    if isinstance(module, nn.Linear):
        return output.ndim - 1
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)) and len(module.normalized_shape) == 1:
        # Subclasses that normalise the channels of maps have them first.
        fitting = [axis for axis in range(1, output.ndim) if output.shape[axis] == module.normalized_shape[0]]
        return fitting[0] if len(fitting) == 1 else None
    return None


def _prefix(module: torch.nn.Module) -> int:
    """The number of a network's tokens that are not of space; 0 if the first is no class token."""
    named = {name.rpartition(".")[2]: value for name, value in module.named_parameters()}
    if not any(name in named for name in _CLASS_TOKENS):
        return 0
    registers: list[int] = [named[name].shape[-2] for name in _REGISTERS if name in named]
    return 1 + sum(registers)
