"""Help of questions, and what is said of an empty or a too wide answer; on a small made-up warehouse."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from command_line import alignhouse
from made_up_warehouse import made_up_tables, write_tables

from alignhouse.cli.answers import write_answer
from alignhouse.cli.question_help import help_of
from alignhouse.console import plain_console
from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.questions import question, questions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the only warehouse `w.alignhouse`, whose one protocol is `mine`."""
    folder = tmp_path_factory.mktemp("help")
    tables = {"protocol": [{"protocol": "mine", "settings": "{}"}]}
    tables |= {name: made_up_tables()[name] for name in ("dataset", "roi", "model")}
    write_tables(folder / "w.alignhouse", tables)
    return folder


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("--roi", "V1", "--help")])
def test_help_of_a_question_explains_its_own_parameters(folder: Path, arguments: tuple[str, ...]) -> None:
    told = alignhouse("ask", "leaderboard", *arguments, folder=folder)
    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert lines[0] == "alignhouse ask leaderboard [OPTIONS]"
    assert lines[2] == "Which networks align best, over all regions?"
    assert "  --protocol NAME   results of this protocol (default: sound)" in lines
    assert "  --roi-group NAME  regions of this group only (default: all)" in lines
    assert lines[-1] == "Example: alignhouse ask leaderboard --roi-group early"


def test_help_without_a_question_lists_all(folder: Path) -> None:
    told = alignhouse("ask", "--help", folder=folder)
    assert told.returncode == 0
    assert "--warehouse" in told.stdout
    for name, each in questions().items():
        assert name in told.stdout
        assert each.asks in told.stdout


def test_help_of_an_unknown_question_lists_near_ones(folder: Path) -> None:
    told = alignhouse("ask", "leaderbord", "--help", folder=folder)
    assert (told.returncode, told.stdout) == (2, "")
    assert "did you mean leaderboard" in told.stderr


def test_every_question_has_complete_help() -> None:
    for each in questions().values():
        text = help_of(each)
        assert each.rows.startswith("One row: "), each.name
        assert each.example.startswith(f"alignhouse ask {each.name}"), each.name
        for parameter in each.parameters:
            assert f"--{parameter.name.replace('_', '-')}" in text
            assert ("(required)" in text) or not parameter.required
        assert max(map(len, text.splitlines())) <= 110


def test_a_default_that_the_warehouse_lacks_is_the_reason_of_an_empty_answer(folder: Path) -> None:
    for format in ("table", "csv"):
        told = alignhouse("ask", "best_layer", "--roi", "V1", "--format", format, folder=folder)
        assert told.returncode == 0
        assert "Nothing found" not in told.stdout
        expected = (
            "Nothing found: this warehouse has no protocol 'sound'; it has mine, try --protocol mine.\n"
        )
        assert told.stderr == expected


def test_otherwise_an_empty_answer_says_what_a_row_would_be(folder: Path) -> None:
    told = alignhouse("ask", "hemispheres", "--protocol", "mine", "--roi", "V1", folder=folder)
    assert told.stderr.startswith("Nothing found for --protocol mine --roi V1. A row would be: a region")
    assert '(regions = "hemispheres" in the study)' in told.stderr
    found = alignhouse("ask", "networks", folder=folder)
    assert (found.returncode, found.stderr) == (0, "")


def test_the_prompt_answers_every_statement_and_explains_an_empty_answer(folder: Path) -> None:
    told = alignhouse("shell", folder=folder, stdin="select 1 as a; select 2 as b;\n.ask best_layer\n")
    assert told.stdout.split()[:4] == ["a", "1", "b", "2"]
    assert "try --protocol mine" in told.stderr


def test_an_answer_that_is_too_wide_names_the_formats(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("alignhouse.cli.answers.table_console", lambda: plain_console(width=60))
    with Warehouse.open(folder / "w.alignhouse") as opened:
        assert write_answer(opened.sql("select 1 as narrow"), "table", None) == 1
        assert "--format" not in capsys.readouterr().out
        wide = ", ".join(f"'some words' as column_{number}" for number in range(9))
        write_answer(opened.sql(f"select {wide}"), "table", None)
    said = " ".join(capsys.readouterr().out.splitlines()[-2:])
    assert said.endswith("Too wide for one line per row; --format csv or --format json gives whole rows.")


def test_a_printed_answer_leaves_out_columns_without_a_value(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = "select 0 as zero, null as nothing, '' as empty, if(i = 1, 'x', null) as some from range(2) t(i)"
    with Warehouse.open(folder / "w.alignhouse") as opened:
        for asked, expected in (
            (question("best_layer"), ["zero", "some"]),
            # Who wrote the SQL asked for each column.
            (None, ["zero", "nothing", "empty", "some"]),
        ):
            write_answer(opened.sql(query), "table", None, asked)
            assert capsys.readouterr().out.splitlines()[0].split() == expected
        write_answer(opened.sql(query), "csv", None, question("best_layer"))
        assert capsys.readouterr().out.splitlines()[0] == "zero,nothing,empty,some"
        write_answer(opened.sql(f"{query} limit 0"), "table", None, question("best_layer"))
        assert "nothing" in capsys.readouterr().out


def test_the_version(folder: Path) -> None:
    told = alignhouse("--version", folder=folder)
    assert (told.returncode, told.stdout) == (0, f"alignhouse {importlib.metadata.version('alignhouse')}\n")


def test_the_parts_of_a_comment() -> None:
    asked = question("network_versus_network")
    assert asked.asks.startswith("Where does one network align better")
    assert asked.rows.startswith("One row: a region, with the best layer of each network")
    assert "Example" not in asked.rows
