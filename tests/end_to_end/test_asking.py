"""Questions from the command line: formats, files, the SQL prompt, unknown names, checks."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import duckdb
import polars as pl
import pytest
from command_line import alignhouse_process

from alignhouse.cli.shell import Shell
from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.reader import SNAPSHOT


@pytest.fixture
def done(finished: Any) -> Any:
    return finished


def shell(study: Any, lines: str) -> subprocess.CompletedProcess[str]:
    """The prompt's output for lines from a pipe."""
    return alignhouse_process("shell", folder=study.folder, stdin=lines)


def test_the_ending_of_a_file_says_its_format(done: Any) -> None:
    question = ("ask", "best_layer", "--roi", "V1")
    for ending in ("csv", "json", "parquet", "md", "txt"):
        assert done.alignhouse(*question, "--out", f"answer.{ending}").returncode == 0
    csv, parquet = (
        pl.read_csv(done.folder / "answer.csv"),
        pl.read_parquet(done.folder / "answer.parquet"),
    )
    assert csv["rho"].to_list() == parquet["rho"].to_list()
    assert pl.read_json(done.folder / "answer.json").columns == parquet.columns
    lines = (done.folder / "answer.md").read_text(encoding="utf-8").splitlines()
    assert [cell.strip() for cell in lines[0].strip("|").split("|")] == parquet.columns
    assert len(lines) == len(parquet) + 2
    first = dict(zip(parquet.columns, [cell.strip() for cell in lines[2].strip("|").split("|")], strict=True))
    assert first["model"] == parquet["model"][0]
    assert float(first["rho"]) == pytest.approx(parquet["rho"][0], abs=1e-4)
    unknown = done.alignhouse(*question, "--out", "answer.xyz")
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (2, 1)
    assert "which format" in unknown.stderr
    assert not (done.folder / "answer.xyz").exists()


def test_markdown_keeps_its_columns_whatever_the_cells_hold(done: Any) -> None:
    answer = done.alignhouse("sql", "select 'a|b' as x, null as y, 'c\nd' as z", "--format", "markdown")
    assert answer.stdout.splitlines()[2] == "| a\\|b |  | c d |"


def test_the_prompt_answers_from_a_pipe_and_goes_on_after_an_error(done: Any) -> None:
    told = shell(
        done,
        "select count(*) as n\n  from alignment;\nselect nonsense;\n"
        ".tables\n.schema best_layer\n.ask best_layer --roi V1\n.ask best_layer --roi V99\n"
        "drop table alignment;\n.what\nselect 41 + 1 as answer",
    )
    assert told.returncode == 0
    assert "144" in told.stdout
    assert "noise_ceiling" in told.stdout
    assert "training_dataset" in told.stdout
    assert "image-in1k" in told.stdout
    assert "ended by a semicolon" in told.stdout
    assert told.stdout.splitlines()[-1].strip() == "42"
    lines = told.stderr.splitlines()
    assert lines[1:3] == ["line 1: select nonsense;", "               ^^^^^^^^"]
    errors = [line for line in lines if line.startswith("alignhouse: ")]
    assert errors == [lines[0], *lines[3:]]
    assert len(errors) == 3
    assert "V99" in errors[1]


def test_the_prompt_completes_names_of_tables_and_columns(done: Any) -> None:
    with Warehouse.open(done.warehouse) as opened:
        prompt = Shell(opened)
        assert {"best_layer"} <= set(prompt.completenames("best_l"))
        assert "training_dataset" in prompt.completenames("train")


def test_the_prompt_ends_by_its_own_word(done: Any) -> None:
    told = shell(done, ".quit\nselect 1 as never;")
    assert (told.returncode, told.stdout) == (0, "")


def test_an_unknown_name_is_an_error_and_not_an_empty_answer(done: Any) -> None:
    told = done.alignhouse("ask", "best_layer", "--roi", "v1")
    assert (told.returncode, told.stdout) == (2, "")
    assert "did you mean V1" in told.stderr


def test_check_names_a_broken_row_and_a_stale_summary(done: Any) -> None:
    assert "All checks passed" in done.alignhouse("check").stdout
    with duckdb.connect(str(done.warehouse / SNAPSHOT)) as connection:
        connection.execute("update alignment set rho = 2 where subject = 'sub-01' and layer = 'layer0'")
    told = done.alignhouse("check")
    assert told.returncode != 0
    assert "rho_in_range: protocol = " in told.stdout
    assert "subject = sub-01" in told.stdout
    assert "summary layer_score: " in told.stdout


ASK_AND_LIST_WHAT_WAS_LOADED = """
import sys
from alignhouse.cli.app import main
sys.argv = ["alignhouse", "ask", "best_layer", "--roi", "V1"]
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def test_asking_loads_nothing_that_is_slow_to_load(done: Any) -> None:
    command = [sys.executable, "-c", ASK_AND_LIST_WHAT_WAS_LOADED]
    asked = subprocess.run(command, capture_output=True, text=True, cwd=done.folder)
    assert asked.returncode == 0, asked.stderr
    assert "my_own" in asked.stdout
    loaded = set(asked.stderr.split())
    assert "duckdb" in loaded
    slow = {"matplotlib", "numpy", "pandas", "plotnine", "polars", "pyarrow", "scipy", "torch"}
    # The parser of the command line and the libraries of study files and reports.
    slow |= {"click", "jinja2", "pydantic", "pydantic_core", "pygments", "typer", "typing_extensions"}
    assert loaded & slow == set()


def test_a_table_shows_what_other_formats_hold(done: Any) -> None:
    query = (
        "select model, 'sound' as protocol, null as remark, count(*) as n, sum(1)::hugeint as many,"
        " 1.5::decimal(4, 2) as half, avg(rho) as mean, true as yes, date '2024-02-29' as day"
        " from alignment group by model order by model"
    )
    lines = [line.split() for line in done.alignhouse("sql", query).stdout.splitlines()]
    frame = pl.read_csv(io.StringIO(done.alignhouse("sql", query, "--format", "csv").stdout))
    assert lines[0] == ["protocol:", "sound"]
    assert lines[1] == ["model", "n", "many", "half", "mean", "yes", "day"]
    assert lines[2:] == [
        [row["model"], "48", "48", "1.50", f"{row['mean']:.4g}", "True", "2024-02-29"]
        for row in frame.iter_rows(named=True)
    ]
    heading, *rest = done.alignhouse(
        "sql", "select 1234567 as n, 'abcdefg' as name, 1 as m"
    ).stdout.splitlines()
    assert heading == "      n  name     m", "numbers stand to the right"
    assert rest == ["1234567  abcdefg  1"]
