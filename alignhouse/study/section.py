"""A table of the study file, and errors that say which key of it is wrong."""

from __future__ import annotations

import re
from types import UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from alignhouse.study.wrong_values import expected_in_words, found_in_words
from alignhouse.warehouse.errors import BadInput, near_names

Model = TypeVar("Model", bound=BaseModel)
_TYPE = re.compile(r"str|int|float|bool|(?:list|dict)\[.*\]")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_as_list)]
"""One name, or a list of names."""


class Section(BaseModel):
    """A table of the study file; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def validated(kind: type[Model], data: dict[str, Any], what: str) -> Model:
    """A model of `data`; `what` names the data in errors.

    Raises
    ------
    BadInput : the first key that is unknown (close ones are listed), missing, or has a wrong value.
    """
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first, alike = _first(kind, error)
        place = _keys(kind, first["loc"])
        where = ".".join(map(str, place))
        if first["type"] == "extra_forbidden":
            known = _keys_at(kind, place)
            hint = near_names(str(place[-1]), known) if known else None
            raise BadInput(f"{what}: unknown key {where!r}", hint=hint) from None
        if first["type"] == "missing":
            raise BadInput(f"{what}: {where!r} is missing", hint=_help_at(kind, place)) from None
        expected = [expected_in_words(each, where, _help_at(kind, place)) for each in alike]
        # An error of a whole table says itself which of its values do not fit.
        of_table = first["type"] == "value_error" and isinstance(first["input"], dict)
        raise BadInput(
            f"{what}: {where}" if where else what,
            expected=" or ".join(dict.fromkeys(expected)),
            found=None if of_table else found_in_words(first["input"]),
            hint=first.get("ctx", {}).get("hint"),
        ) from None


def _first(kind: type[BaseModel], error: ValidationError) -> tuple[ErrorDetails, list[ErrorDetails]]:
    """The first error, and all errors of the same key, one for each type that its value may have.

    Of a list in place of a text or a list, the error of its item says more than that it is no text.
    """
    found = error.errors()
    key = _keys(kind, found[0]["loc"])
    of_key = [each for each in found if _keys(kind, each["loc"])[: len(key)] == key]
    first = max(of_key, key=lambda each: len(_keys(kind, each["loc"])))
    return first, [each for each in of_key if _keys(kind, each["loc"]) == _keys(kind, first["loc"])]


def _keys(kind: type[BaseModel], place: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """The keys of a place, without the names of types that pydantic adds where several are allowed."""
    keys: list[int | str] = []
    for part in place:
        table = _table_at(kind, tuple(keys[:-1])) if keys else None
        field = table.model_fields.get(str(keys[-1])) if table else None
        has_types = field is not None and isinstance(field.annotation, UnionType)
        if not (has_types and isinstance(part, str) and _TYPE.fullmatch(part)):
            keys.append(part)
    return tuple(keys)


def _keys_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The known keys of the table that holds the last name of `place`."""
    table = _table_at(kind, place[:-1])
    return list(table.model_fields) if table else []


def _help_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> str | None:
    table = _table_at(kind, place[:-1]) if place else None
    field = table.model_fields.get(str(place[-1])) if table else None
    return field.description if field else None


def _table_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model of the table at `place`; tables of a mapping, such as `protocols`, may have any name."""
    names = iter(place)
    for name in names:
        field = kind.model_fields.get(str(name))
        inner: Any = field.annotation if field else None
        if get_origin(inner) is dict:
            inner = get_args(inner)[1]
            next(names, None)
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        kind = inner
    return kind
