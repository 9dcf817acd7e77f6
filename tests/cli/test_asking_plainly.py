"""`alignhouse ask` parses simple command lines itself; typer, which parses the others, must agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from alignhouse.cli import commands, querying
from alignhouse.cli.asking import Asking, Format, plainly_asked

WORDS = (
    *("best_layer", "--roi", "V1", "--roi=V1", "--by", "-x", "--debug", "a=b", "-", "--", "", "-1", "--help"),
    *("--warehouse", "-w", "--warehouse=w", "-ww", "--format", "-f", "csv", "--format=json", "CSV"),
    *("--format=", "--out", "-o", "a.csv", "--out=b.md", "--outs", "--ou", "--out=--roi", "ask"),
)


@pytest.fixture(scope="module")
def typer_command() -> Any:
    return typer.main.get_command(commands.app)


@given(words=st.lists(st.sampled_from(WORDS), max_size=6), variable=st.sampled_from(["", "w", "other"]))
@settings(max_examples=150, deadline=None)
def test_a_command_line_that_is_parsed_without_typer_means_the_same_to_typer(
    typer_command: Any, words: list[str], variable: str
) -> None:
    words = ["ask", "leaderboard", *words]
    plainly = plainly_asked(words, {"ALIGNHOUSE_WAREHOUSE": variable})
    if plainly is None:
        return
    passed: list[Asking] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGNHOUSE_WAREHOUSE", variable)
        patch.setattr(querying, "answer", passed.append)
        typer_command.main(words, standalone_mode=False)
    assert passed == [plainly]


def test_what_people_type_needs_no_typer() -> None:
    words = [
        "ask",
        "best_layer",
        "--roi",
        "V1",
        "-f",
        "csv",
        "--out=a.txt",
        "--by=family",
        "-w",
        "x.alignhouse",
    ]
    assert plainly_asked(words, {"ALIGNHOUSE_WAREHOUSE": "other"}) == Asking(
        "best_layer", ["--roi", "V1", "--by=family"], Path("x.alignhouse"), Format.csv, Path("a.txt")
    )
    assert plainly_asked(["ask", "networks"], {"ALIGNHOUSE_WAREHOUSE": "w"}) == Asking(
        "networks", [], Path("w")
    )


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["ask"],
        ["--debug", "ask", "networks"],
        ["sql", "select 1"],
        ["ask", "--roi", "V1"],
        ["ask", "networks", "--help"],
        ["ask", "networks", "-fcsv"],
        ["ask", "networks", "--format", "xls"],
        ["ask", "networks", "--out"],
        ["ask", "networks", "--out", "--roi"],
        ["ask", "networks", "--", "--roi"],
    ],
    ids=" ".join,
)
def test_typer_parses_what_is_not_simple(words: list[str]) -> None:
    assert plainly_asked(words, {}) is None


def test_an_interrupted_question_ends_like_every_interrupted_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from alignhouse.cli import app, asking

    def interrupted(_: Asking) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(asking, "answer", interrupted)
    monkeypatch.setattr(querying, "answer", interrupted)
    codes = []
    for words in (["ask", "networks"], ["ask", "networks", "-fcsv"]):
        monkeypatch.setattr("sys.argv", ["alignhouse", *words])
        with pytest.raises(SystemExit) as ended:
            app.main()
        codes.append(ended.value.code)
    assert codes == [130, 130]
    assert capsys.readouterr() == ("", "")
