"""The page of networks shows the second catalog as it is."""

from __future__ import annotations

from networks_table import PAGE, parts, table


def test_the_table_of_networks_is_that_of_the_catalog() -> None:
    _, shown, _ = parts(PAGE.read_text(encoding="utf-8"))
    assert shown == table(), "run `python tests/support/networks_table.py`"
