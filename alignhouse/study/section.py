"""A table of the study file, and errors that say which key of it is wrong."""

from __future__ import annotations

from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from alignhouse.warehouse.errors import BadInput, near_names

Model = TypeVar("Model", bound=BaseModel)


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
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = _keys_at(kind, first["loc"])
            hint = near_names(str(first["loc"][-1]), known) if known else None
            raise BadInput(f"{what}: unknown key {where!r}", hint=hint) from None
        if first["type"] == "missing":
            raise BadInput(f"{what}: {where!r} is missing", hint=_help_at(kind, first["loc"])) from None
        message, hint = first["msg"].removeprefix("Value error, "), first.get("ctx", {}).get("hint")
        raise BadInput(f"{what}: {where}", expected=message, found=repr(first["input"]), hint=hint) from None


def _keys_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """The known keys of the table that holds the last name of `place`."""
    table = _table_at(kind, place[:-1])
    return list(table.model_fields) if table else []


def _help_at(kind: type[BaseModel], place: tuple[int | str, ...]) -> str | None:
    table = _table_at(kind, place[:-1])
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
