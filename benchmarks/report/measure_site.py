"""Measures the site of a warehouse: time to write, size, and how fast its pages open in a headless Chromium.

    python benchmarks/report/measure_site.py synthetic.alignhouse FOLDER [--intervals] [--rounds 5]

--intervals adds made-up intervals (the score, 0.1 up and down) to a study that has none. Each round starts a
new browser. "opened" is the time from the start of navigation to the first frame after the load event.
"sorted" is the time from a click on a region to the end of layout, "all rows" that of the button that shows
every network, "compared" that of the choice of another network. The leaderboard is compared with one that has
all rows in its HTML.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from playwright.sync_api import Browser, sync_playwright

import alignhouse
from alignhouse.analysis.site.content import read_site
from alignhouse.analysis.site.sources import sources
from alignhouse.analysis.site.write import pages_of
from alignhouse.warehouse.batches import Reporter, single
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.reader import Warehouse
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer

SCORED = """
    select protocol, dataset, split, model, layer, roi, rho as statistic, remark
    from best_layer order by all
"""
OPENED = """() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
    () => done(performance.now()))))"""
TIMED = """(selector) => {
  const began = performance.now();
  document.querySelector(selector).click();
  document.body.getBoundingClientRect();
  return performance.now() - began;
}"""
CHANGED = """([selector, value]) => {
  const field = document.querySelector(selector);
  const began = performance.now();
  field.value = value;
  field.dispatchEvent(new Event('change'));
  document.body.getBoundingClientRect();
  return performance.now() - began;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("warehouse", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--intervals", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chromium", default="chromium")
    arguments = parser.parse_args()
    if arguments.intervals:
        add_intervals(arguments.warehouse)
    began = time.monotonic()
    page = alignhouse.write_site([arguments.warehouse], arguments.folder)
    print(f"written in {time.monotonic() - began:.1f} s")
    files = [file for file in arguments.folder.rglob("*") if file.is_file()]
    print(f"{len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB")
    pages = {
        "leaderboard": page,
        "network": next((arguments.folder / "networks").iterdir()),
        "region": next((arguments.folder / "regions").iterdir()),
        "networks": arguments.folder / "networks.html",
        "comparison": arguments.folder / "compare.html",
    }
    with tempfile.TemporaryDirectory() as temporary:
        pages["leaderboard, all rows"] = with_all_rows(arguments.warehouse, Path(temporary))
        measure(pages, shutil.which(arguments.chromium), arguments.rounds)


def measure(pages: Mapping[str, Path], executable: str | None, n_rounds: int) -> None:
    """Print a row of the table for each page."""
    print("| page | MB | opened | elements | then |")
    print("|---|---|---|---|---|")
    with sync_playwright() as playwright:
        for name, file in pages.items():
            rounds = []
            for _ in range(n_rounds):
                browser = playwright.chromium.launch(executable_path=executable)
                rounds.append(times(browser, name, file))
                browser.close()
            shown = {what: statistics.median(each[what] for each in rounds) for what in rounds[0]}
            elements, opened = shown.pop("elements"), shown.pop("opened")
            then = ", ".join(f"{what} {value / 1000:.2f} s" for what, value in shown.items())
            size = file.stat().st_size / 1e6
            print(f"| {name} | {size:.2f} | {opened / 1000:.2f} s | {elements:,.0f} | {then} |", flush=True)


def with_all_rows(warehouse: Path, folder: Path) -> Path:
    """The leaderboard with a row for every network in its HTML, as pages without a script have."""
    with Warehouse.open(warehouse) as opened:
        site = read_site(sources([opened]))
        _, text = next(pages_of(site, [], len(site.networks)))
    (folder / "index.html").write_text(text, encoding="utf-8")
    return folder / "index.html"


def times(browser: Browser, name: str, file: Path) -> dict[str, float]:
    """Milliseconds of one round in a new browser, and the number of elements."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    address = file.as_uri()
    if name == "comparison":
        slugs = sorted(each.stem for each in (file.parent / "networks").iterdir())
        address += f"?a={slugs[0]}&b={slugs[1]}"
    page.goto(address)
    found: dict[str, Any] = {
        "opened": page.evaluate(OPENED),
        "elements": page.evaluate("document.querySelectorAll('*').length"),
    }
    if name.startswith("leaderboard"):
        found["sorted"] = page.evaluate(TIMED, "table.leaderboard thead th:nth-child(6) button")
    if name == "leaderboard":
        found["all rows"] = page.evaluate(TIMED, ".more button")
        found["sorted again"] = page.evaluate(TIMED, "table.leaderboard thead th:nth-child(7) button")
    if name == "region":
        found["sorted"] = page.evaluate(TIMED, "table.sortable thead th:nth-child(6) button")
    if name == "comparison":
        found["compared"] = page.evaluate(CHANGED, ["select[name=b]", slugs[2]])
    return found


def add_intervals(folder: Path) -> None:
    """Made-up intervals of all best layers."""
    with Warehouse.open(folder) as warehouse:
        rows = warehouse.sql(SCORED).pl().to_dicts()
    made_up = {
        "test": "best_layer",
        "resampled": "both",
        "method": "dual",
        "level": 0.95,
        "draws": 0,
        "seed": 0,
    }
    table = [
        row | made_up | {"lower": row["statistic"] - 0.1, "upper": row["statistic"] + 0.1} for row in rows
    ]
    output = Output(
        ("facts", "table=score_interval"),
        pa.Table.from_pylist(table),
        table="score_interval",
        slot=("protocol", "dataset", "split"),
    )
    job = Job("made_up_intervals", 1, {}, {}, "made-up intervals")
    with Writer(folder, "benchmark") as writer, Run(writer, "benchmark", {}) as run:
        run.do("intervals", [single(job, given, outputs=output)])


def given(job: Job, reporter: Reporter, outputs: Output) -> Sequence[Output]:
    """The result of a job whose output is known."""
    return [outputs]


if __name__ == "__main__":
    main()
