"""Reports whose figures are drawn in a single format, for tests that do not examine the files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from alignhouse.analysis.report import pictures


@contextmanager
def one_format() -> Iterator[None]:
    """A block in which reports draw all figures only as SVG."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "FORMATS", ("svg",))
        patch.setattr(pictures, "MOST_BYTES_OF_SVG", sys.maxsize)
        yield
