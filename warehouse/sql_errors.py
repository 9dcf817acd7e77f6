"""Errors of SQL in words: what is wrong, what was perhaps meant, and the line with a caret."""

from __future__ import annotations

import re

import duckdb

from alignhouse.warehouse.errors import BadInput, BadQuery

_REFUSED = "the SQL was refused"
_READS_ONLY = "a query that reads only the warehouse: no files, no network, no settings"
# DuckDB's name of the kind of an error.
_PREFIX = re.compile(r"^[A-Z][A-Za-z -]* Error: ")
_PLACE = re.compile(r"^LINE (\d+: .*\n *\^+)", re.MULTILINE)
_MEANT = re.compile(r"(?:Did you mean|Candidate (?:bindings|tables):) (.+)")
_WORDS = (
    (r'Referenced column "(.+?)" not found', "an unknown column {0!r}"),
    (r'Referenced table "(.+?)" not found', "an unknown table {0!r}"),
    (r"Table with name (\S+) does not exist", "an unknown table {0!r}"),
    (r"Function with name (\S+) does not exist", "an unknown function {0!r}"),
    (r'syntax error at or near "(.+?)"', "a syntax error at {0!r}"),
    (r"syntax error at end of input", "a syntax error at its end"),
    (r'column "(.+?)" must appear in the GROUP BY', "column {0!r} beside a sum, mean, count or the like"),
    (r"No function matches .* argument types '(.+?)'", "a call that no function accepts: {0}"),
    (r"Could not convert string '(.*?)' to (\w+)", "the text {0!r} in place of a value of type {1}"),
    (r"Values were not provided for .* parameters: (.+)", "parameters without values: {0}"),
)
_HINTS = {"GROUP BY": "add it to `group by`, or use any_value({0})"}


def query_error(error: duckdb.Error) -> BadInput:
    """What an error of DuckDB says about a query, in the words of alignhouse."""
    text = str(error)
    if isinstance(error, duckdb.PermissionException) or "has been locked" in text:
        return BadInput(_REFUSED, expected=_READS_ONLY)
    place = _PLACE.search(text)
    message = _PREFIX.sub("", text[: place.start()] if place else text).strip()
    if message.startswith("--"):
        return BadInput(message)  # a question's own check of a parameter
    where = f"line {place[1]}" if place else ""
    for pattern, words in _WORDS:
        if found := re.search(pattern, message, re.DOTALL):
            hint = next(
                (each.format(*found.groups()) for key, each in _HINTS.items() if key in pattern), None
            )
            return BadQuery(
                _REFUSED, found=words.format(*found.groups()), hint=hint or _meant(message), where=where
            )
    return BadQuery(_REFUSED, found=message.splitlines()[0] if message else None, where=where)


def _meant(message: str) -> str | None:
    """The names that DuckDB found to be similar."""
    found = _MEANT.search(message)
    names = re.findall(r'"(.+?)"', found[1]) if found else []
    return f"did you mean {', '.join(names)}?" if names else None
