"""Sizes in bytes, as people write them."""

from __future__ import annotations

import re

_UNITS = {
    "": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}


_IN_WORDS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def parse_bytes(text: str | int) -> int:
    """A number of bytes from text such as "8GB" or "512 MiB".

    Raises
    ------
    ValueError : the text is not a size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", str(text))
    if not match or match[2].lower() not in _UNITS:
        raise ValueError("a size such as 8GB or 512MB")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def size_in_words(n_bytes: float) -> str:
    """A number of bytes as readable text: "4.8 GB"."""
    for unit, size in _IN_WORDS:
        if n_bytes >= size:
            return f"{n_bytes / size:,.1f} {unit}"
    return f"{n_bytes:,} bytes"
