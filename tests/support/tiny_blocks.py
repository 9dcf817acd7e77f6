"""Blocks of a few pairs, so that small RDMs are computed in many of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignhouse.analysis.kernels import long_ranks, permuted_products, vectors_on_disk
from alignhouse.analysis.statistics.rsa_in_blocks import Room


def make_blocks_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """All constants of blocks that do not come from the memory, until the test ends."""
    monkeypatch.setattr(permuted_products, "MOST_PAIRS_A_TILE", 11)
    monkeypatch.setattr(permuted_products, "MOST_PERMUTATIONS_A_PRODUCT", 5)
    monkeypatch.setattr(permuted_products, "ROWS_GATHERED", 2)
    monkeypatch.setattr(vectors_on_disk, "ROWS_WRITTEN", 5)
    monkeypatch.setattr(long_ranks, "VALUES_A_CHUNK", 4)


def room_in(folder: Path, *, memory: int = 10**5, scratch: int = 10**9) -> Room:
    return Room(memory, folder / "scratch", scratch)
