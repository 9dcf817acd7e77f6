"""The table of the second catalog in docs/networks.md. Run this file to write it again."""

from __future__ import annotations

from pathlib import Path

from alignhouse.ingest.models.modern import modern

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
START = "<!-- the table of modern.toml -->\n"
END = "<!-- end of the table -->\n"
_COLUMNS = {
    "name": "network",
    "model_type": "type",
    "arch_type": "architecture",
    "training_dataset": "training data",
    "objective": "objective",
    "parameters": "parameters, millions",
    "resolution": "resolution",
    "licence": "licence",
}


def table() -> str:
    """The table in Markdown, one network a line, in the order of modern.toml."""
    lines = [_line(list(_COLUMNS.values())), _line(["---"] * len(_COLUMNS))]
    for name, facts in modern().items():
        shown = {**facts, "name": name, "parameters": f"{facts['parameters'] / 1e6:.1f}"}
        lines.append(_line([str(shown[key]) for key in _COLUMNS]))
    return "".join(lines)


def parts(page: str) -> tuple[str, str, str]:
    """The page before the table, the table, and the page after it."""
    before, start, rest = page.partition(START)
    shown, end, after = rest.partition(END)
    assert start, "the page has the mark of the table's start"
    assert end, "the page has the mark of the table's end"
    return before + start, shown, end + after


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    before, _, after = parts(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(before + table() + after, encoding="utf-8")
