"""Errors of SQL: in words, with the line and a caret, without DuckDB's names of errors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from made_up_warehouse import made_up_tables, write_tables

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.reading import refusals


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("sql") / "w.alignhouse"
    write_tables(folder, {name: rows for name, rows in made_up_tables().items() if name in ("roi", "model")})
    with Warehouse.open(folder) as opened:
        yield opened


ERRORS = {
    "selct 1": ("found a syntax error at 'selct'", "line 1: selct 1", "        ^^^^^"),
    "select roy from roi": (
        "found an unknown column 'roy' (did you mean roi",
        "line 1: select roy from roi",
        "               ^^^",
    ),
    "select *\nfrom rois": (
        "found an unknown table 'rois' (did you mean roi",
        "line 2: from rois",
        "             ^^^^",
    ),
    "select rio.roi from roi": (
        "found an unknown table 'rio'",
        "line 1: select rio.roi",
        "               ^^^^^^^",
    ),
    "select medium(1)": (
        "found an unknown function 'medium'",
        "line 1: select medium(1)",
        "               ^",
    ),
    "select roi, count(*) from roi": (
        "found column 'roi' beside a sum, mean, count or the like (add it to `group by`, or use any_value",
        "line 1: select roi, count(*) from roi",
        "               ^^^",
    ),
    "select sum(roi) from roi": (
        "found a call that no function accepts: sum(VARCHAR)",
        "line 1: select sum(roi) from roi",
        "               ^",
    ),
    "select 'a'::integer": (
        "found the text 'a' in place of a value of type",
        "line 1: select 'a'::integer",
        "  ",
    ),
}


@pytest.mark.parametrize(("query", "expected"), ERRORS.items(), ids=ERRORS)
def test_an_error_names_what_is_wrong_and_marks_the_place(
    opened: Warehouse, query: str, expected: tuple[str, str, str]
) -> None:
    with pytest.raises(BadInput) as error, refusals():
        opened.sql(query).fetchall()
    message, line, caret = str(error.value).splitlines()
    assert message.startswith(f"the SQL was refused: {expected[0]}")
    assert line.startswith(expected[1])
    assert caret.startswith(expected[2])
    assert line[caret.index("^")] == query.splitlines()[int(line[5]) - 1][caret.index("^") - 8]
    assert " Error" not in str(error.value)


def test_errors_without_a_place_are_one_line(opened: Warehouse) -> None:
    for query, words in (
        ("select $roi", "found parameters without values: roi"),
        ("select * from read_csv('/etc/passwd')", "expected a query that reads only the warehouse"),
    ):
        with pytest.raises(BadInput) as error:
            opened.sql(query)
        assert words in str(error.value)
        assert "\n" not in str(error.value)


def test_a_questions_own_check_is_all_that_is_said(opened: Warehouse) -> None:
    with pytest.raises(BadInput) as error, refusals():
        opened.ask("runs", status="done").fetchall()
    assert str(error.value) == "--status must be one of running, finished, stopped"


def test_several_statements_are_refused_unless_they_only_set_a_variable(opened: Warehouse) -> None:
    with pytest.raises(BadInput, match=r"expected one statement, found 2 \(run each alone"):
        opened.sql("select 1; select 2")
    assert opened.sql("set variable x = 41; select getvariable('x') + 1;").fetchall() == [(42,)]
    assert opened.sql("-- a comment; with a semicolon\nselect 1;").fetchall() == [(1,)]
    pivot = "pivot (select 1 as a, 2 as b) on a using sum(b)"
    assert opened.sql(pivot).fetchall() == [(2,)]
