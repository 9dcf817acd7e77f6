"""Choices between names that a warehouse has; a choice that is not clear is an error that lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from alignhouse.warehouse.errors import BadInput, near_names, some_names

MOST_LISTED = 50
Row = TypeVar("Row")
_OPTION = re.compile(r"--([a-z][a-z-]*)")


def chosen(what: str, wanted: str | None, known: Iterable[str], where: str = "") -> str:
    """The wanted one of the known names; if none is wanted, the only one.

    Parameters
    ----------
    what : the name of the parameter. where : added to errors, such as " in V1".

    Raises
    ------
    BadInput : the name is unknown, or there are several and none is wanted; the error lists all.
    """
    names = list(dict.fromkeys(known))
    if wanted is None:
        if len(names) == 1:
            return names[0]
        if not names:
            raise BadInput(f"there is no {what} yet{where}")
        raise BadInput(
            f"no {what} was named{where}",
            expected=f"one of {some_names(names, MOST_LISTED)}",
            hint=f"name it: {what}=...",
        )
    if wanted not in names:
        hint = near_names(wanted, names)
        raise BadInput(
            f"there is no {what} {wanted!r}{where}",
            expected=f"one of {some_names(names, MOST_LISTED)}" if names else None,
            hint=hint if hint.startswith("did you mean") else None,
        )
    return wanted


def narrowed(
    rows: Iterable[Row], wanted: Mapping[str, str | None], where: str, is_one: Callable[[list[Row]], bool]
) -> list[Row]:
    """The rows with the wanted values of their fields.

    Parameters
    ----------
    rows : a row whose field is None has any value. wanted : field -> value, or None for any.
    is_one : whether rows are one and the same choice, so that fields without a wanted value do not matter.

    Raises
    ------
    BadInput : a value is unknown, or rows that are not one choice differ in a field without a wanted value.
    """
    left = list(rows)
    for what, value in wanted.items():
        if value is not None and (known := field_values(left, what)):
            chosen(what, value, known, where)
            left = [row for row in left if getattr(row, what) in (value, None)]
    for what, value in wanted.items():
        if value is None and len(known := field_values(left, what)) > 1 and not is_one(left):
            chosen(what, None, known, where)
    return left


def field_values(rows: Iterable[object], what: str) -> list[str]:
    """The values of one field without repetition and None."""
    return list(dict.fromkeys(value for row in rows if (value := getattr(row, what)) is not None))


@contextmanager
def options_as_parameters() -> Iterator[None]:
    """Errors that name an option of the command line (--group-by) name the parameter (group_by=...)."""
    try:
        yield
    except BadInput as error:
        error.failed = _OPTION.sub(_as_parameter, error.failed)
        error.hint = _OPTION.sub(_as_parameter, error.hint) if error.hint else None
        raise


def _as_parameter(option: re.Match[str]) -> str:
    return option[1].replace("-", "_") + "=..."
