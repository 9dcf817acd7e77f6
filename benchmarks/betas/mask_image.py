"""A class for the generated pickles, which replaces the unknown object of the real pickles."""

from __future__ import annotations


class MaskImage:
    """An object of some megabytes that no reader of betas needs."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.header = {"sizeof_hdr": 348, "dim": [3, 91, 109, 91, 1, 1, 1, 1]}
