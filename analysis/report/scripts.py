"""The scripts of the page: two chart libraries as they were released, the page's own, and data for them."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
# Observable Plot needs D3. Each file begins with its version and copyright; LICENSES.txt has both licences.
LIBRARIES = ("d3.min.js", "plot.min.js")
LICENCES = "LICENSES.txt"
# The page's own scripts, in the order in which they are defined; the last one starts the others.
OWN = ("selection.js", "tables.js", "charts.js", "strip.js", "depth.js", "leaders.js", "page.js")


@dataclass(frozen=True)
class Script:
    """An inline script, and the Content-Security-Policy hash that allows exactly this text."""

    text: str
    hash: str


def page_scripts(*, with_charts: bool) -> list[Script]:
    """The scripts of a page; the chart libraries only where there is something to draw."""
    own = "\n".join(_read("scripts", name) for name in OWN)
    texts = [f'"use strict";\n(() => {{\n{own}}})();']
    if with_charts:
        licences = f"/*\n{_read('vendor', LICENCES)}*/\n"
        texts = [licences + _read("vendor", LIBRARIES[0]), _read("vendor", LIBRARIES[1]), *texts]
    return [Script(text, csp_hash(text)) for text in texts]


def csp_hash(text: str) -> str:
    """The Content-Security-Policy hash that allows an inline style or script with exactly this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def as_json(data: object) -> str:
    """JSON for a data block of a page: no text in it can end the block or begin a comment.

    Raises
    ------
    ValueError : a number is NaN or infinite.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _read(folder: str, name: str) -> str:
    return (HERE / folder / name).read_text(encoding="utf-8")
