"""Where a matrix product runs: numpy on the processor, torch on what torch knows, a GPU above all.

A formula is written once, with `times` and the operations that arrays of both have (slices, `clip`). All else
(ranks, checks, sums of squares) stays in numpy, where it is exact and cheap beside the products.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alignhouse.analysis.kernels.threads import product
from alignhouse.warehouse.errors import BadInput

Precision = Literal["float64", "float32"]


def to_device(values: NDArray[Any], device: str | None, precision: Precision) -> Any:
    """`values` as an array that multiplies on `device`: numpy's for None, else torch's ("cpu", "cuda:1").

    Nothing is copied that has the precision and the place already. torch multiplies float32 in full precision
    unless the process has asked it for TensorFloat-32.

    Raises BadInput for a device that torch does not have; ModuleNotFoundError where torch is not installed.
    """
    array = np.ascontiguousarray(values, dtype=precision)
    if device is None:
        return array
    import torch

    try:
        return torch.from_numpy(array).to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        raise BadInput(
            f"device {device!r}",
            expected="one that torch can use here",
            found=str(error).splitlines()[0],
            hint="cpu, or cuda where a GPU and its driver are",
        ) from error


def times(a: Any, b: Any) -> Any:
    """The matrix product of two arrays of either library, where they are."""
    return product(a, b) if isinstance(a, np.ndarray) else a @ b


def to_numpy(values: Any) -> NDArray[Any]:
    """An array of either library as numpy's, on the processor."""
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()
