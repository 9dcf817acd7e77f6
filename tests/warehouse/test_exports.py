"""Text from others is shown by spreadsheets and terminals, and not executed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from command_line import alignhouse
from made_up_warehouse import made_up_tables, write_tables

from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.exports import csv_text

FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "-", "+", "@SUM(A1)", "\t=1", "\r=1", "\n=1", '="a,b"')
TEXTS = ("V1", "", "a=b", "-1.5", "+2", "-1e-05", "-.5", "1-2", " =1", "l/r:x:y", None)


def test_formulas_in_csv_get_an_apostrophe_and_all_else_stays() -> None:
    frame = pl.DataFrame({"=name": [*FORMULAS, *TEXTS], "rho": [-0.5] * (len(FORMULAS) + len(TEXTS))})
    heading, *rows = csv.reader(io.StringIO(csv_text(frame)))
    assert heading == ["'=name", "rho"]
    assert [row[0] for row in rows] == [*(f"'{text}" for text in FORMULAS), *(text or "" for text in TEXTS)]
    assert {row[1] for row in rows} == {"-0.5"}


def test_categories_are_escaped_too() -> None:
    frame = pl.DataFrame({"a": pl.Series(["=1", "x"], dtype=pl.Categorical)})
    assert csv_text(frame) == "a\n'=1\nx\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exports")
    write_tables(folder / "w.alignhouse", made_up_tables())
    return folder


def test_the_command_line_escapes_formulas_in_csv(folder: Path) -> None:
    query = "select '=1+1' as a, '-x' as \"@b\", -1 as c"
    told = alignhouse("sql", query, "--format", "csv", folder=folder)
    assert told.stdout == "a,'@b,c\n'=1+1,'-x,-1\n"
    assert alignhouse("sql", query, "--out", "answer.csv", folder=folder).returncode == 0
    assert (folder / "answer.csv").read_text() == told.stdout


def test_tables_on_the_terminal_print_text_as_it_is(folder: Path) -> None:
    texts = ("a:x:b", ":smile:", "[red]x[/red]", "[/x]", "\\[x]")
    columns = ", ".join(f"'{text}' as \"{text}\"" for text in texts)
    told = alignhouse("sql", f"select {columns}, ':x:' as remark", folder=folder)
    remark, heading, row = (line.split() for line in told.stdout.splitlines())
    assert remark == ["remark:", ":x:"]
    assert tuple(heading) == tuple(row) == texts
    assert alignhouse("sql", f"select {columns}", "--out", "t.txt", folder=folder).returncode == 0
    assert (folder / "t.txt").read_text().splitlines()[1].split() == list(texts)


def test_control_characters_do_not_reach_the_terminal(folder: Path) -> None:
    told = alignhouse("sql", "select 'a' || chr(27) || '[2J' || chr(155) as x", folder=folder)
    assert told.stdout.split() == ["x", "a\\x1b[2J\\x9b"]
    assert str(BadInput("no \x1b[2J")) == "no \\x1b[2J"
