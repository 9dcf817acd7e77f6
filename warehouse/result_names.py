"""Names of the statistics that users add; each is a table of the schema `results`."""

from __future__ import annotations

import re

SCHEMA = "results"
# Needs no quotes in SQL, and is a name of a folder everywhere.
_PLAIN = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PREFIX = f"{SCHEMA}."


def result_table(name: str) -> str:
    """The name of the table of a result, as an artifact stores it: `results.NAME`."""
    return _PREFIX + name


def is_plain(name: str) -> bool:
    """Whether a name is lower-case letters, digits and underscores, at most 63, a letter first."""
    return _PLAIN.fullmatch(name) is not None


def is_result(table: str) -> bool:
    """Whether a table that an artifact names is `results.NAME` with a plain name."""
    return table.startswith(_PREFIX) and is_plain(table.removeprefix(_PREFIX))


def quoted(table: str) -> str:
    """The name of a table, `NAME` or `results.NAME`, with quotes for a statement."""
    schema, name = (_PREFIX, table.removeprefix(_PREFIX)) if is_result(table) else ("", table)
    return schema + '"' + name.replace('"', '""') + '"'
