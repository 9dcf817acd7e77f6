"""The numeric precision of forward passes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal

Precision = Literal["fp32", "tf32", "bf16", "fp16"]


@contextmanager
def at_precision(precision: Precision, device: str) -> Iterator[None]:
    """Run the forward passes of a block in float32, TensorFloat-32 (on GPUs that have it), or half precision.

    Half precision uses torch's autocast: weights stay in float32, and so do operations that need it. Outside
    the block, a GPU's convolutions use TensorFloat-32 by default.
    """
    import torch

    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = precision == "tf32"
    halves = {"bf16": torch.bfloat16, "fp16": torch.float16}
    autocast = (
        torch.autocast(device.partition(":")[0], dtype=halves[precision])
        if precision in halves
        else nullcontext()
    )
    try:
        with autocast:
            yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before
