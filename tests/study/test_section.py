"""What an error of a table says: which key is wrong, and how to mend it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from alignhouse.study.section import Section, validated
from alignhouse.warehouse.errors import BadInput


class Inner(Section):
    size: int = Field(ge=1, description="how large")
    shape: str = "round"

    @field_validator("shape")
    @classmethod
    def _known_shape(cls, shape: str) -> str:
        if shape not in ("round", "square"):
            raise ValueError("round or square")
        if shape == "square":
            raise PydanticCustomError("full", "round", {"hint": "no square is left"})
        return shape


class Outer(Section):
    title: str = Field(description="one line")
    inner: Inner | None = None
    table: Inner = Inner(size=1)
    many: dict[str, Inner] = Field({})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "it: 'title' is missing (one line)"),
        ({"table": {}, "title": "t"}, "it: 'table.size' is missing (how large)"),
        ({"many": {"x": {}}, "title": "t"}, "it: 'many.x.size' is missing (how large)"),
        ({"inner": {}, "title": "t"}, "it: 'inner.size' is missing"),
        ({"title": "t", "tabel": 1}, "it: unknown key 'tabel' (did you mean table?)"),
        ({"title": "t", "table": {"size": 1, "sise": 1}}, "it: unknown key 'table.sise' (did you mean size"),
        (
            {"title": "t", "many": {"x": {"size": 1, "y": 1}}},
            "it: unknown key 'many.x.y' (known: size, shape)",
        ),
        ({"title": "t", "inner": {"size": 1, "sise": 1}}, "it: unknown key 'inner.sise'"),
        ({"title": "t", "table": {"size": "x"}}, "it: table.size: expected a whole number, found 'x'"),
        (
            {"title": "t", "table": {"size": 0}},
            "it: table.size: expected a number of at least 1, found 0",
        ),
        ({"title": 3}, "it: title: expected a text in quotes, found 3"),
        (
            {"title": "t", "table": {"size": 1, "shape": "oval"}},
            "it: table.shape: expected round or square, found 'oval'",
        ),
        (
            {"title": "t", "table": {"size": 1, "shape": "square"}},
            "it: table.shape: expected round, found 'square' (no square is left)",
        ),
    ],
)
def test_the_first_wrong_key_is_named_with_what_it_should_be(data: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput) as error:
        validated(Outer, data, "it")
    assert str(error.value).startswith(message)
    if "(" not in message:
        assert "(" not in str(error.value), "no hint"
    assert error.value.__suppress_context__


def test_a_valid_table_is_a_model_that_cannot_be_changed() -> None:
    made = validated(Outer, {"title": "t", "many": {"x": {"size": 2}}}, "it")
    assert made == Outer(title="t", many={"x": Inner(size=2)})
    with pytest.raises(ValidationError, match=re.escape("frozen")):
        made.title = "u"  # type: ignore[misc]
