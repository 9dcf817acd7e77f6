"""Seeds torch's generator for one network, and restores its state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside the block, torch's CPU generator starts at `seed`; afterwards its old state is restored."""
    import torch

    # Only the CPU generator: networks are built on the CPU, and seeding the GPUs' would start CUDA.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
