"""Faster 3D convolutions on a CPU: as 2D convolutions where kernels allow, and in channels last elsewhere.

Networks of clips mostly have kernels over space alone, (1, k, k), or over time alone, (t, 1, 1). With
channels last in memory, frames are a leading dimension of images, and space is one long row, so that both are
2D convolutions of the same memory. A CPU has better kernels for those. Other kernels stay 3D convolutions,
but read their input in channels last: several times faster for depthwise ones.

The values are those of torch's own convolution, up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class FastConvolutions:
    """The 3D convolutions of a network on a CPU.

    Only `_conv_forward` is replaced, and only inside `installed` blocks. So hooks work as before, and so do
    classes that derive from torch's and prepare the input or the weights. Modules whose class has its own
    `_conv_forward`, another padding than zeros, or padding given by name, are left alone.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        import torch

        self._convolutions = [
            each
            for each in module.modules()
            if isinstance(each, torch.nn.Conv3d)
            and type(each)._conv_forward is torch.nn.Conv3d._conv_forward
            and each.padding_mode == "zeros"
            and not isinstance(each.padding, str)
        ]

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Use the faster ways in forward passes inside the block."""
        for each in self._convolutions:
            each.__dict__["_conv_forward"] = partial(_convolve, each)
        try:
            yield
        finally:
            for each in self._convolutions:
                del each.__dict__["_conv_forward"]


def _convolve(
    module: torch.nn.Conv3d, given: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """The convolution of `given`, (clips, channels, time, height, width), in channels last."""
    import torch

    if given.ndim != 5 or given.device.type != "cpu":
        return torch.nn.Conv3d._conv_forward(module, given, weight, bias)
    shown = given.contiguous(memory_format=torch.channels_last_3d)
    if module.groups == 1:
        if _over(module, time=False):
            return _over_space(module, shown, weight, bias)
        if _over(module, time=True):
            return _over_time(module, shown, weight, bias)
    return torch.nn.Conv3d._conv_forward(module, shown, weight, bias)


def _over(module: torch.nn.Conv3d, *, time: bool) -> bool:
    """Whether a convolution goes over time alone, or over space alone: it copies the other dimensions."""
    other = slice(1, 3) if time else slice(0, 1)
    sizes: Any = (module.kernel_size, module.stride, module.padding)
    return all(set(size[other]) == {value} for size, value in zip(sizes, (1, 1, 0), strict=True))


def _over_space(
    module: torch.nn.Conv3d, shown: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    import torch

    clips, channels, times, height, width = shown.shape
    frames = shown.transpose(1, 2).view(clips * times, channels, height, width)
    padding: Any = module.padding
    made = torch.nn.functional.conv2d(
        frames, weight[:, :, 0], bias, module.stride[1:], padding[1:], module.dilation[1:]
    )
    return _in_channels_last(made, (clips, times, *made.shape[2:]))


def _over_time(
    module: torch.nn.Conv3d, shown: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    import torch

    padding: Any = module.padding
    made = torch.nn.functional.conv2d(
        shown.flatten(3),
        weight[:, :, :, 0],
        bias,
        (module.stride[0], 1),
        (padding[0], 0),
        (module.dilation[0], 1),
    )
    return _in_channels_last(made, (len(made), made.shape[2], *shown.shape[3:]))


def _in_channels_last(made: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
    """The result of a 2D convolution as (clips, channels, time, height, width).

    places : clips, time, height and width. Views of other orders of the dimensions give a single clip a
    stride that torch does not take for channels last, so that a concatenation would leave that layout.
    """
    return made.permute(0, 2, 3, 1).contiguous().view(*places, made.shape[1]).permute(0, 4, 1, 2, 3)
