"""Write the site of one or several warehouses."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from alignhouse.analysis.report.downloads import FOLDER as DATA
from alignhouse.analysis.report.publish import PAGE, is_up_to_date, staged
from alignhouse.analysis.site.boards import Board, shared_remark
from alignhouse.analysis.site.content import Site, read_site
from alignhouse.analysis.site.embedded import board_data, compared_data
from alignhouse.analysis.site.files import SiteFile, write_tables
from alignhouse.analysis.site.render import Pages
from alignhouse.analysis.site.sources import SiteSource, sources
from alignhouse.analysis.site.tables import network_list, region_facts, region_ranking, standings
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.jobs import canonical
from alignhouse.warehouse.progress import Progress, Silent
from alignhouse.warehouse.reader import Warehouse

# Raise this when pages change for the same results. Up-to-date sites are then written again.
VERSION = 1
# Rows of a leaderboard in the page as it opens; the script shows the rest when asked.
FIRST_ROWS = 100


def write_site_of(warehouses: Sequence[Warehouse], folder: Path, *, progress: Progress | None = None) -> Path:
    """Write the site of warehouses to `folder`/index.html and files beside it, unless it is up to date.

    Files of a former site that the new one lacks are removed, and no other files. A failure leaves the old
    site as it was.

    Parameters
    ----------
    progress : receives every page.

    Raises
    ------
    BadInput : no warehouse is given, or one twice; one has no scores; a number is NaN; `folder` is a link
        or a file.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise BadInput(
            f"site {folder}",
            expected="a folder, or a name for a new one",
            found="a link" if folder.is_symlink() else "a file",
            hint="choose another folder",
        )
    named = sources(warehouses)
    state = _state(named)
    if is_up_to_date(folder, state):
        return folder / PAGE
    shown = progress or Silent()
    site = read_site(named)
    with staged(folder, state, "site") as making:
        shown.stage("Writing the site", _number_of_pages(site), 0)
        tables = write_tables(site, making / DATA)
        for path, text in pages_of(site, tables, FIRST_ROWS):
            shown.job(path)
            (making / path).parent.mkdir(parents=True, exist_ok=True)
            (making / path).write_text(text, encoding="utf-8")
            shown.job_done()
    return folder / PAGE


def pages_of(site: Site, tables: Sequence[SiteFile], most: int) -> Iterator[tuple[str, str]]:
    """The path of each page in the site, and its text; `most` rows of a leaderboard are in its HTML."""
    made = Pages(site)
    for board in site.boards:
        path = site.board_page(board)
        yield (
            path,
            made.page(
                "leaderboard",
                path,
                title=f"Leaderboard: {board.name}",
                remark=board.remark,
                scripts=("cells.js", "leaderboard.js"),
                data={"board": board_data(site, board)},
                board=board,
                rows=standings(site, board, most),
                most=most,
            ),
        )
    for name, places in site.networks.items():
        path = site.network_page(name)
        remark = shared_remark([(board.dataset, board.remarks[name]) for board, _ in places])
        yield path, made.page("network", path, title=name, remark=remark, name=name, places=places)
    for (dataset, roi), boards in site.regions.items():
        path = site.region_page(dataset, roi)
        rankings = [(board, region_ranking(site, board, roi)) for board in boards]
        yield (
            path,
            made.page(
                "region",
                path,
                title=f"{roi}, {dataset}",
                remark=_remark(boards),
                scripts=("sorting.js",),
                roi=roi,
                dataset=dataset,
                rankings=rankings,
            ),
        )
    for each in site.datasets:
        path = site.dataset_page(each.name)
        boards = [board for board in site.boards if board.dataset == each.name]
        yield (
            path,
            made.page(
                "dataset",
                path,
                title=each.name,
                remark=_remark(boards),
                scripts=("sorting.js",),
                dataset=each,
                boards=[(board, region_facts(site, board)) for board in boards],
            ),
        )
    everything: dict[str, Any] = {"remark": _remark(site.boards)}
    yield (
        "networks.html",
        made.page(
            "networks",
            "networks.html",
            title="Networks",
            scripts=("sorting.js",),
            rows=network_list(site),
            **everything,
        ),
    )
    yield "data.html", made.page("data", "data.html", title="Data", tables=tables, **everything)
    yield (
        "compare.html",
        made.page(
            "compare",
            "compare.html",
            title="Compare two networks",
            scripts=("cells.js", "compare.js"),
            data={
                "names": {site.network_names[name]: name for name in site.networks},
                **{f"board-{number}": compared_data(site, board) for number, board in enumerate(site.boards)},
            },
            **everything,
        ),
    )


def _remark(boards: Sequence[Board]) -> str:
    return shared_remark([(board.dataset, board.remark) for board in boards])


def _number_of_pages(site: Site) -> int:
    return len(site.boards) + len(site.networks) + len(site.regions) + len(site.datasets) + 3


def _state(named: Sequence[SiteSource]) -> str:
    version = importlib.metadata.version("alignhouse")
    text = canonical([[[each.label, each.state] for each in named], version, VERSION, "site"])
    return hashlib.sha256(text.encode()).hexdigest()
