"""Reports with few figures or a single format, for tests of other things: a figure takes a second."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from alignhouse.analysis.report import pictures

# A GIF of one pixel.
PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"


@contextmanager
def one_format(*, most: int | None = None) -> Iterator[None]:
    """A block in which reports draw only the wide, light SVG of figures.

    most : figures a protocol, data set and split.
    """
    plan = pictures.planned_figures
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "planned_figures", lambda *asked, **first: plan(*asked, **first)[:most])
        patch.setattr(pictures, "FORMATS", ("svg",))
        patch.setattr(pictures, "MOST_BYTES_OF_SVG", sys.maxsize)
        patch.setattr(pictures, "_pixels", lambda once, dpi: PIXEL)
        images = {f"narrow_{look}": pictures.Image(PIXEL, 1, 1) for look in ("light", "dark")}
        patch.setattr(pictures, "_narrow_images", lambda narrow: images)
        yield
