"""A question's comment is its interface: help, parameters, types, defaults, and errors."""

from __future__ import annotations

import re
from typing import Any

import pytest

from alignhouse.warehouse import questions as module
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.questions import Names, Parameter, Question, question, questions

TEXT = """-- Which layer is best?
-- One row: a network.
-- $roi varchar in roi.roi = null: this region only
-- $least_rho double = -0.5: the lowest rho: a number
--$top integer: how many
-- $models varchar[] in model.model = 'a, b': these networks
-- $sort varchar = 'rho': a column
-- $not a parameter
select $roi, $top
-- $late varchar: below the query, so no parameter
"""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Question:
    def sql_files(folder: str) -> dict[str, str]:
        return {"best": TEXT, "plain": "select 1"} if folder == "questions" else {"drawn": "-- A figure\n"}

    monkeypatch.setattr(module, "sql_files", sql_files)
    return question("best")


def test_the_comment_describes_the_question_and_its_parameters(asked: Question) -> None:
    assert (asked.name, asked.sql) == ("best", TEXT)
    assert asked.help == "Which layer is best?\nOne row: a network.\n$not a parameter"
    assert asked.parameters == (
        Parameter("roi", str, False, None, "this region only", ("roi", "roi")),
        Parameter("least_rho", float, False, -0.5, "the lowest rho: a number", None),
        Parameter("top", int, True, None, "how many", None),
        Parameter("models", Names, False, ["a", "b"], "these networks", ("model", "model")),
        Parameter("sort", str, False, "rho", "a column", None),
    )


def test_values_that_are_not_given_are_the_defaults(asked: Question) -> None:
    defaults = {"roi": None, "least_rho": -0.5, "models": ["a", "b"], "sort": "rho"}
    assert asked.bind({"top": 3}) == {**defaults, "top": 3}
    assert asked.bind({"top": 3, "sort": None}) == {**defaults, "top": 3}


def test_values_get_the_type_of_their_parameter(asked: Question) -> None:
    bound = asked.bind({"top": "3", "least_rho": "0.25", "roi": "V1", "models": ("c", "d, e")})
    assert bound == {"top": 3, "least_rho": 0.25, "roi": "V1", "models": ["c", "d, e"], "sort": "rho"}
    assert asked.bind({"top": 3, "models": "c , d"})["models"] == ["c", "d"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"topp": 3}, "question best has no parameter 'topp' (did you mean top"),
        ({}, "question best needs --top (how many)"),
        ({"top": "many"}, "parameter top of question best: expected int, found 'many'"),
    ],
)
def test_wrong_parameters_are_named(asked: Question, given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=re.escape(message)):
        asked.bind(given)


def test_a_required_parameter_is_named_as_on_the_command_line() -> None:
    needed = Parameter("least_rho", float, True, None, "a number")
    with pytest.raises(BadInput, match="question q needs --least-rho .a number"):
        Question("q", "", (needed,), "").bind({})


def test_a_question_without_parameters_takes_none(asked: Question) -> None:
    plain = question("plain")
    assert (plain.help, plain.parameters, plain.bind({})) == ("", (), {})
    with pytest.raises(BadInput, match="question plain has no parameter 'x'$"):
        plain.bind({"x": 1})


def test_questions_are_found_by_name_and_folder(asked: Question) -> None:
    assert list(questions()) == ["best", "plain"]
    assert question("drawn", "figures").help == "A figure"
    with pytest.raises(BadInput, match=r"no question is called 'bets' \(did you mean best"):
        question("bets")
