"""Matrix products on a device: numpy on the CPU, torch on a GPU or another torch device.

Each formula is written once, with `times` and operations that numpy and torch arrays share (slices, `clip`).
Ranks, checks and sums of squares stay in numpy: they are exact there, and cheap compared with the products.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.threads import product
from alignhouse.warehouse.errors import BadInput

Precision = Literal["float64", "float32"]


def to_device(values: NDArray[Any], device: str | None, precision: Precision) -> Any:
    """`values` as a numpy array if `device` is None, else as a torch tensor on that device ("cpu", "cuda:1").

    Values that already have the precision and the device are not copied. torch multiplies float32 in full
    precision, unless the process has enabled TensorFloat-32.

    Raises BadInput if torch cannot use the device, ModuleNotFoundError if torch is not installed.
    """
    array = np.ascontiguousarray(values, dtype=precision)
    if device is None:
        return array
    import torch

    try:
        return torch.from_numpy(array).to(torch.device(device))
    except (RuntimeError, AssertionError, TypeError) as error:  # TypeError: an Apple GPU has no float64.
        raise BadInput(
            f"device {device!r}",
            expected=f"one that torch can use here, for {precision}",
            found=str(error).splitlines()[0],
            hint="cpu, or cuda where a GPU and its driver are; mps takes float32 only",
        ) from error


def times(a: Any, b: Any) -> Any:
    """The matrix product of two numpy arrays or two torch tensors, on their own device."""
    return product(a, b) if isinstance(a, np.ndarray) else a @ b


def to_numpy(values: Any) -> NDArray[Any]:
    """A numpy array or torch tensor as a numpy array."""
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()
