"""Limits on what a file may declare, and small helpers that all formats share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alignhouse.warehouse.errors import BadInput

MOST_BYTES = 2**33  # 8 GiB: RDMs of 350 subjects with 1,000 stimuli need 2.8 GB.
# What a file may unpack to: far more than RDMs can be compressed, far less than a hostile file claims.
UNPACKED_BYTES, UNPACKED_RATIO = 2**28, 40


def unpacked_bytes(path: Path, most_bytes: int) -> int:
    """How many bytes a file may unpack to: at most 256 MiB or 40 times its size, and `most_bytes`."""
    return min(most_bytes, max(UNPACKED_BYTES, UNPACKED_RATIO * path.stat().st_size))


def check_size(shape: Sequence[int], item_bytes: int, label: str, most_bytes: int) -> None:
    """Raise BadInput if an array of `shape` needs more than `most_bytes`; call it before reading."""
    needed = math.prod(int(length) for length in shape) * item_bytes
    if needed > most_bytes:
        raise BadInput(
            f"{label} is too large to read",
            expected=f"at most {most_bytes:,} bytes",
            found=f"shape {tuple(shape)}, which needs {needed:,}",
        )


def texts(stored: np.ndarray) -> list[Any]:
    """The items of an array; bytes are decoded as UTF-8. May raise UnicodeDecodeError."""
    return [item.decode() if isinstance(item, bytes) else item for item in stored.tolist()]


def named_once(present: Sequence[str], what: str, path: Path) -> str | None:
    """The only key of `present`, or None if it is empty; raises BadInput if there are two."""
    if len(present) > 1:
        raise BadInput(f"{path} names its {what} twice", expected="one of them", found=" and ".join(present))
    return present[0] if present else None
