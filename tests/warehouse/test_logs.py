"""The log of a run: what it holds, when it is written, its limits, and logs from somebody else."""

from __future__ import annotations

import importlib.metadata
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from small_batches import batch_of
from working_batches import number_batch

from alignhouse.warehouse import Warehouse, logs
from alignhouse.warehouse.batches import Batch
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.executors.processes import Processes
from alignhouse.warehouse.executors.threaded import threaded
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer


class Said(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def job(number: int) -> Batch:
    output = Output(("rdms", "kind=t"), pa.table({"number": [number]}))
    return batch_of(Job("t", 1, {"number": number}, {}, f"job {number}"), output)


def lines_of(warehouse: Path, run: int = 1) -> list[dict[str, Any]]:
    text = (warehouse / logs.LOGS / f"run-{run}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_log_says_what_was_done_how_long_and_with_what(folder: Path) -> None:
    asked = {"compute": {"device": "cpu"}, "seed": 3}
    with Writer(folder, "test") as writer, Run(writer, "alignhouse run x", asked) as run:
        done = run.do("Counting", [job(1), job(2)])
        run.progress.say("a line")
    began, stage, one, two, said, ended = lines_of(folder)
    assert (began["event"], began["run"], began["command"]) == ("began", 1, "alignhouse run x")
    assert (began["settings"], began["device"]) == (asked, "cpu")
    assert began["versions"]["duckdb"] == importlib.metadata.version("duckdb")
    assert (stage["event"], stage["title"], stage["todo"]) == ("stage", "Counting", 2)
    for line, batch in ((one, job(1)), (two, job(2))):
        [artifact] = done[batch.jobs[0].key]
        assert (line["event"], line["label"], line["method"]) == ("job", batch.jobs[0].label, "t")
        assert (line["key"], line["artifacts"]) == (batch.jobs[0].key, [artifact.path])
        assert line["bytes"] == artifact.file.stat().st_size
        assert 0 <= line["seconds"] < 60
    assert said["line"] == "a line"
    assert (ended["status"], ended["jobs"], ended["failed"]) == ("finished", 2, 0)
    with Warehouse.open(folder) as opened:
        [answer] = opened.ask("runs").fetchall()
        columns = opened.ask("runs").columns
    found = dict(zip(columns, answer, strict=True))
    assert (folder / found["log"]).is_file()
    assert (found["run"], found["status"], found["jobs"], found["failed"]) == (1, "finished", 2, 0)
    assert 0 <= found["seconds"] < 60


def test_each_line_is_there_while_the_run_goes_on(folder: Path) -> None:
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        run.do("Counting", [job(1)])
        assert [line["event"] for line in lines_of(folder)] == ["began", "stage", "job"]


def test_failures_have_their_traceback(folder: Path) -> None:
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        run.try_each("All", [number_batch("fail", 1), job(2)])
    failed = next(line for line in lines_of(folder) if line["event"] == "failed")
    assert (failed["label"], failed["error"]) == ("fail 1", f"BadInput: {bad_number(1)}")
    assert "working_batches.py" in failed["traceback"]
    with Warehouse.open(folder) as opened:
        assert opened.sql("select status, jobs, failed from run").fetchall() == [("finished", 1, 1)]


def bad_number(number: int) -> BadInput:
    return BadInput(f"number {number}", expected="1", found="0", hint="use another")


def test_failures_and_times_come_from_where_the_job_ran(folder: Path) -> None:
    batches = [number_batch("slow", 1), number_batch("fail", 2)]
    with Processes(1) as processes, Writer(folder, "test") as writer:
        with Run(writer, "test", {}, executor=processes) as run:
            run.try_each("All", batches)
        with Run(writer, "test", {}) as run:
            run.do("Threads", [job(3)], threaded)
    slow, failed = (line for line in lines_of(folder) if line["event"] in ("job", "failed"))
    assert 0.05 <= slow["seconds"] < 60
    assert "In a worker process" in failed["traceback"]
    assert "in _one" in failed["traceback"]
    [threads] = (line for line in lines_of(folder, 2) if line["event"] == "job")
    assert threads["started_at"] > slow["started_at"]


def test_the_error_that_ends_a_run_is_logged(folder: Path) -> None:
    with (
        Writer(folder, "test") as writer,
        pytest.raises(KeyboardInterrupt),
        Run(writer, "test", {}) as run,
    ):
        run.do("Counting", [job(1)])
        raise KeyboardInterrupt
    *_, error, ended = lines_of(folder)
    assert (error["event"], ended["status"]) == ("error", "stopped")
    assert "KeyboardInterrupt" in error["traceback"]


def test_a_run_with_nothing_to_do_has_no_log(folder: Path) -> None:
    for _ in range(2):
        with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
            run.do("Counting", [job(1)])
    assert [path.name for path in (folder / logs.LOGS).iterdir()] == ["run-1.jsonl"]


def test_runs_that_register_nothing_share_the_log_of_the_next(folder: Path) -> None:
    with Writer(folder, "test") as writer:
        with pytest.raises(BadInput), Run(writer, "first", {}) as run:
            run.do("All", [number_batch("fail", 1)])
        with Run(writer, "second", {}) as run:
            run.do("All", [job(2)])
    commands = [line["command"] for line in lines_of(folder) if line["event"] == "began"]
    assert commands == ["first", "second"]


def test_a_log_has_a_largest_size_but_keeps_failures_and_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 6000)
    monkeypatch.setattr(logs, "MOST_BYTES_OF_ALL", 20_000)
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        run.do("Counting", [job(number) for number in range(40)])
        run.try_each("All", [number_batch("fail", 1)])
    events = [line["event"] for line in lines_of(folder)]
    assert events.count("full") == 1
    assert 0 < events.count("job") < 40
    assert events[-2:] == ["failed", "ended"]
    assert (folder / logs.LOGS / "run-1.jsonl").stat().st_size < 20_000


def test_the_oldest_logs_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_LOGS", 3)
    of_logs = folder / logs.LOGS
    with Writer(folder, "test") as writer:
        for number in range(1, 6):
            with Run(writer, "test", {}) as run:
                run.do("Counting", [job(number)])
                (of_logs / "notes.txt").write_text("mine")
    assert sorted(path.name for path in of_logs.iterdir()) == [
        "notes.txt",
        *(f"run-{number}.jsonl" for number in (3, 4, 5)),
    ]


@pytest.mark.parametrize("kind", ["linked folder", "linked file", "pipe", "a file in place of the folder"])
def test_a_log_from_somebody_else_leads_nowhere(tmp_path: Path, kind: str) -> None:
    warehouse, outside = tmp_path / "w", tmp_path / "outside"
    outside.mkdir()
    (outside / "run-1.jsonl").write_text("secret\n")
    warehouse.mkdir()
    if kind == "linked folder":
        (warehouse / logs.LOGS).symlink_to(outside)
    elif kind == "a file in place of the folder":
        (warehouse / logs.LOGS).write_text("")
    else:
        (warehouse / logs.LOGS).mkdir()
        log = warehouse / logs.LOGS / "run-1.jsonl"
        log.symlink_to(outside / "run-1.jsonl") if kind == "linked file" else os.mkfifo(log)
    said = Said()
    with Writer(warehouse, "test") as writer, Run(writer, "test", {}, said) as run:
        run.do("Counting", [job(1), job(2)])
        assert run.jobs_done == 2
    assert (outside / "run-1.jsonl").read_text() == "secret\n"
    assert len(said.lines) == 1
    assert said.lines[0].startswith("No log of this run: ")
