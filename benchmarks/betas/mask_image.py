"""A class that stands in the generated pickles for the unknown object of the real ones."""

from __future__ import annotations


class MaskImage:
    """Some megabytes that no reader of betas needs."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.header = {"sizeof_hdr": 348, "dim": [3, 91, 109, 91, 1, 1, 1, 1]}
