"""What a key of the study file expects, in words: pydantic's own wording is for programmers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_A_TEXT, _A_LIST = "a text in quotes", "a list such as [1, 2]"
# Types of pydantic's errors -> what was expected; the names in braces come from the error.
_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": _A_TEXT,
    "path_type": "a path in quotes",
    "list_type": "a list in brackets",
    "dict_type": "a table such as [{place}]",
    "model_type": "a table such as [{place}]",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "literal_error": "{expected}",
    "too_short": "a list of at least {min_length}",
    "string_too_short": "a text of at least {min_length} characters",
}


def expected_in_words(error: Mapping[str, Any], place: str, help: str | None) -> str:
    """What one of pydantic's errors says was expected.

    Parameters
    ----------
    error : an item of `ValidationError.errors()`. place : the dotted name of the key. help : its description.
    """
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind in _EXPECTED:
        return _EXPECTED[kind].format(place=place, **context)
    if "expected" in context or not error["msg"][:1].isupper():
        return str(error["msg"])  # an error of alignhouse's own
    return (help or "another value").removeprefix("expected ")


def found_in_words(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a table"
    return repr(value)
