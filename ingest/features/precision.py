"""The precision in which a network is run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Precision = Literal["fp32", "tf32", "bf16", "fp16"]


@contextmanager
def at_precision(precision: Precision, device: str) -> Iterator[None]:
    """A block whose forward passes run in float32, TensorFloat-32 (where a GPU has it), or half precision.

    Half precision is torch's autocast: weights stay in float32, and what would lose too much by it is done in
    float32. Without this block a GPU's convolutions take TensorFloat-32 unasked.
    """
    import torch

    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = precision == "tf32"
    halves = {"bf16": torch.bfloat16, "fp16": torch.float16}
    try:
        with torch.autocast(
            device.partition(":")[0], dtype=halves.get(precision), enabled=precision in halves
        ):
            yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before
