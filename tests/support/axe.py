"""Faults of accessibility in a page, found by axe-core."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Page

SERIOUS = ("serious", "critical")


@cache
def _script() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def serious_faults(page: Page, *rules: str) -> list[str]:
    """A line for each element with a fault that shuts people out: rule, where it is, and what is wrong.

    rules : those to check; all if none is named.

    The debugger evaluates the script, so that the page's Content-Security-Policy does not stop it.
    """
    page.evaluate(_script())
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found: dict[str, Any] = page.evaluate("options => axe.run(document, options)", options)
    # A run in which no rule applies would find no fault.
    assert found["passes"] or found["violations"], found
    return [
        f"{fault['id']}, {' '.join(map(str, node['target']))}: {' '.join(node['failureSummary'].split())}"
        for fault in found["violations"]
        for node in fault["nodes"]
        # Within a rule, elements differ in how much the fault matters.
        if node["impact"] in SERIOUS
    ]
