"""The website of warehouses, from a notebook or the command line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from alignhouse.notebook.opened import OpenWarehouse
from alignhouse.warehouse.progress import Progress
from alignhouse.warehouse.reader import Warehouse


def write_site(
    warehouses: Sequence[Warehouse | OpenWarehouse | Path | str],
    folder: Path | str,
    *,
    progress: Progress | None = None,
) -> Path:
    """Write the website of warehouses to `folder`/index.html and files beside it, unless it is up to date.

    Parameters
    ----------
    warehouses : open warehouses, or their folders.

    Raises
    ------
    BadInput : see `analysis.site.write.write_site_of`; or a folder has no warehouse.
    """
    from alignhouse.analysis.site.write import write_site_of

    with ExitStack() as opened:
        readers = [
            each.warehouse
            if isinstance(each, OpenWarehouse)
            else each
            if isinstance(each, Warehouse)
            else opened.enter_context(Warehouse.open(each))
            for each in warehouses
        ]
        return write_site_of(readers, Path(folder), progress=progress)
