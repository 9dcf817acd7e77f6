"""The SQL schema and the documentation agree; every .sql file runs and describes its rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from alignhouse.warehouse.questions import questions
from alignhouse.warehouse.schema import migrate, sql_files

ROOT = Path(__file__).parents[2]
FIXED = {
    "alignment": "protocol, dataset, split, model, layer, roi, subject, rho",
    "noise_ceiling": "protocol, dataset, split, roi, lower, upper, n_subjects",
    "layer_score": (
        "protocol, dataset, split, model, layer, layer_index, depth, roi, rho, sem, n_subjects, p_value"
    ),
    "best_layer": "protocol, dataset, split, model, model_type, arch_type, roi, layer, depth, rho, p_value",
}
PARAMETERS = {"dataset": "bmd", "split": "test"}


@pytest.fixture(scope="module")
def empty() -> Iterator[duckdb.DuckDBPyConnection]:
    """All tables without rows; tests change nothing."""
    with duckdb.connect() as connection:
        migrate(connection)
        yield connection


def columns(connection: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for table, column in connection.sql(
        "select table_name, column_name from information_schema.columns where table_schema = 'main'"
    ).fetchall():
        found.setdefault(table, set()).add(column)
    return found


def documented() -> dict[str, set[str]]:
    text = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
    tables = {}
    for section in text.split("\n### ")[1:]:
        rows = re.findall(r"^\| ([\w, ]+) \|", section, re.MULTILINE)
        tables[section.split("\n")[0]] = {name for row in rows for name in row.split(", ")} - {"column"}
    return tables


def test_every_table_and_column_is_documented_and_exists(empty: duckdb.DuckDBPyConnection) -> None:
    assert documented() == columns(empty)


@pytest.mark.parametrize("table", FIXED)
def test_the_names_that_anyones_queries_rely_on_are_there(
    empty: duckdb.DuckDBPyConnection, table: str
) -> None:
    empty.sql(f"select {FIXED[table]} from {table}").fetchall()


def test_migrating_twice_changes_nothing(empty: duckdb.DuckDBPyConnection) -> None:
    before = columns(empty)
    assert migrate(empty) is False
    assert columns(empty) == before


@pytest.mark.parametrize("folder", ["questions", "figures", "checks", "report"])
def test_every_query_runs_on_an_empty_warehouse(empty: duckdb.DuckDBPyConnection, folder: str) -> None:
    for name, text in sql_files(folder).items():
        if folder in ("questions", "figures"):
            asked = questions(folder)[name]
            given = asked.bind({each.name: "x" for each in asked.parameters if each.required})
        else:
            given = {key: value for key, value in PARAMETERS.items() if f"${key}" in text}
        rows = empty.execute(text, given or None).fetchall()
        assert rows in ([], [(None,)]), name


@pytest.mark.parametrize(
    "folder", ["views/staging", "views/marts", "summaries", "questions", "figures", "checks", "report"]
)
def test_every_query_starts_with_a_description_of_its_rows(folder: str) -> None:
    for name, text in sql_files(*folder.split("/")).items():
        comment = [line for line in text.splitlines() if line.startswith("--")]
        assert text.startswith("--"), name
        assert any(line.startswith("-- One row: ") for line in comment), name


def test_every_question_has_an_example_and_documents_its_parameters() -> None:
    for name, question in questions().items():
        assert f"alignhouse ask {name}" in question.help
        assert {each.name for each in question.parameters} == set(re.findall(r"\$(\w+)", question.sql)), name


def test_every_question_is_asked_by_a_test_of_its_values() -> None:
    tests = "".join(
        path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*questions*.py")
    )
    for name in questions():
        assert f'"{name}"' in tests, name


def test_every_query_of_a_figure_documents_its_parameters() -> None:
    for name, question in questions("figures").items():
        assert {each.name for each in question.parameters} == set(re.findall(r"\$(\w+)", question.sql)), name
