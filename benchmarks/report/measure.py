"""Measures a report in a headless Chromium: its size, and the time to open, sort and filter it.

    python benchmarks/report/measure.py REPORT/index.html [--rounds 5] [--chromium chromium]

Each round starts a new browser. "opened" is the time from the start of navigation to the load event, with
images. "sorted" and "filtered" are the times from a click on the best layers to the end of layout, "selected"
that of the selection of a region, which all tables and charts follow. The page is compared with one that
stores the best layers as JSON and builds their rows with a script.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import tempfile
from html import unescape
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

TIMES = """() => {
  const section = document.querySelector('#best-layers');
  section.open = true;
  section.getBoundingClientRect();
  const region = document.querySelector('#selection [name=region]');
  const timed = (act) => {
    const began = performance.now();
    act();
    section.getBoundingClientRect();
    return performance.now() - began;
  };
  const button = [...section.querySelectorAll('thead button')].find(each => each.textContent === 'rho');
  const choice = [...section.querySelectorAll('label')]
    .find(each => each.textContent.trim().startsWith('architecture')).querySelector('select');
  const navigation = performance.getEntriesByType('navigation')[0];
  return {
    opened: navigation.loadEventEnd,
    sorted: timed(() => button.click()),
    filtered: timed(() => { choice.selectedIndex = 1; choice.dispatchEvent(new Event('change')); }),
    selected: timed(() => { region.selectedIndex = 1; region.dispatchEvent(new Event('change')); }),
  };
}"""
# The simplest script that builds rows from JSON.
BUILD = """<script>
const rows = JSON.parse(document.getElementById('rows').textContent);
const all = document.createDocumentFragment();
for (const row of rows) {
  const line = document.createElement('tr');
  for (const [kind, name, key, text] of row) {
    const cell = document.createElement(kind);
    if (name) cell.className = name;
    if (key) cell.dataset.v = key;
    cell.textContent = text;
    line.append(cell);
  }
  all.append(line);
}
document.querySelector('#best-layers tbody').append(all);
</script>"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chromium", default="chromium")
    arguments = parser.parse_args()
    executable = shutil.which(arguments.chromium)
    html = arguments.page.read_text(encoding="utf-8")
    print("| page | MB | opened | sorted | filtered | selected |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        for name, text in (("rows in HTML", html), ("rows from JSON", with_json(html))):
            file = Path(folder) / "page.html"
            file.write_text(text, encoding="utf-8")
            found: list[dict[str, Any]] = []
            for _ in range(arguments.rounds):
                browser = playwright.chromium.launch(executable_path=executable)
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(file.as_uri())
                found.append(page.evaluate(TIMES))
                browser.close()
            medians = [statistics.median(each[what] for each in found) for what in found[0]]
            shown = " | ".join(f"{each / 1000:.2f} s" for each in medians)
            print(f"| {name} | {len(text.encode()) / 1e6:.1f} | {shown} |", flush=True)


def with_json(html: str) -> str:
    """The page with its best layers as JSON; rows are built before the page's own script runs."""
    start = html.index("<tbody>", html.index('id="best-layers"')) + len("<tbody>")
    end = html.index("</tbody>", start)
    rows = [
        [
            [kind, attribute(given, "class"), attribute(given, "data-v"), unescape(text)]
            for kind, given, text in re.findall(r"<(t[hd])([^>]*)>([^<]*)<", row)
        ]
        for row in html[start:end].split("</tr>")
        if "<td" in row
    ]
    data = json.dumps(rows, separators=(",", ":"))
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html[:start] + html[end:])
    script = page.rindex("<script>")
    return f'{page[:script]}<script type="application/json" id="rows">{data}</script>{BUILD}{page[script:]}'


def attribute(given: str, name: str) -> str:
    """The value of the attribute `name` in `given`, or ""."""
    found = re.search(rf'{name}="([^"]*)"', given)
    return found[1] if found else ""


if __name__ == "__main__":
    main()
