"""Runs: what they report, register and note, and which executor does their batches."""

from __future__ import annotations

import importlib.metadata
import platform
import socket
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from small_batches import batch_of, made
from working_batches import numbers

from alignhouse.warehouse import Warehouse, runs
from alignhouse.warehouse.artifacts import Artifact, files
from alignhouse.warehouse.batches import Batch, Reporter
from alignhouse.warehouse.errors import AlignhouseError, BadInput
from alignhouse.warehouse.executors.executor import Result, Starting
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer


class Noted:
    """Progress that records every call."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.work: list[tuple[str, float | None]] = []
        self.does: list[str] = []

    def stage(self, title: str, todo: int, done_before: int, work: float | None = None) -> None:
        self.events.append(("stage", title, todo, done_before))
        self.work.append(("stage", work))

    def job(self, label: str, work: float = 1.0) -> None:
        self.events.append(("job", label))
        self.work.append(("job", work))

    def doing(self, what: str) -> None:
        self.does.append(what)

    def step(self, done: int, total: int) -> None:
        self.events.append(("step", done, total))

    def job_done(self, work: float = 1.0) -> None:
        self.events.append(("done",))
        self.work.append(("done", work))

    def say(self, line: str) -> None:
        self.events.append(("say", line))


class Chosen:
    """An executor that notes whether it ran and what it was told; otherwise `local`."""

    def __init__(self) -> None:
        self.called: list[tuple[Path, bool]] = []

    def __call__(
        self, root: Path, batches: Iterable[Batch], starting: Starting, *, keep_going: bool = False
    ) -> Generator[Result, None, None]:
        self.called.append((root, keep_going))
        yield from local(root, batches, starting, keep_going=keep_going)


def subject(name: str) -> Batch:
    rows = pa.table({"dataset": ["d"], "subject": [name], "subject_order": pa.array([0], pa.int32())})
    output = Output(("facts", "table=subject"), rows, table="subject", slot=("dataset", "subject"))
    return batch_of(Job("subject", 1, {"subject": name}, {}, f"subject {name}"), output)


def failing(label: str, error: Exception) -> Batch:
    def call(jobs: Sequence[Job], reporter: Reporter) -> Iterator[list[Output]]:
        raise error

    return Batch((Job("bad", 1, {"label": label}, {}, label),), call)


def key(batch: Batch) -> str:
    return batch.jobs[0].key


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many artifacts each transaction registers."""
    counts: list[int] = []
    register = Writer.register

    def noted(self: Writer, written: Sequence[Artifact], run: int) -> None:
        counts.append(len(written))
        register(self, written, run)

    monkeypatch.setattr(Writer, "register", noted)
    return counts


def test_progress_is_told_of_the_stage_and_of_each_job(folder: Path) -> None:
    noted = Noted()
    with Writer(folder, "test") as writer, Run(writer, "test", {}, noted) as run:
        run.do("first", [subject("a")])
        results = run.do("second", [subject("a"), subject("b"), subject("c")])
    assert noted.events == [
        ("stage", "first", 1, 0),
        ("job", "subject a"),
        ("done",),
        ("stage", "second", 2, 1),
        ("job", "subject b"),
        ("done",),
        ("job", "subject c"),
        ("done",),
    ]
    assert {name: [each.job for each in found] for name, found in results.items()} == {
        key(subject(name)): [key(subject(name))] for name in "abc"
    }


def test_a_run_notes_what_was_asked_by_which_version_and_where(folder: Path) -> None:
    query = "select run, command, study, version, python, host, status, jobs from run"
    with Writer(folder, "test") as writer, Run(writer, "alignhouse run", {"b": 1, "a": [2]}) as run:
        run.do("subjects", [subject("a")])
        [row] = writer.connection.execute(query).fetchall()
        version = importlib.metadata.version("alignhouse")
        where = (version, platform.python_version(), socket.gethostname())
        assert row[:6] == (1, "alignhouse run", '{"a":[2],"b":1}', *where)
        assert row[6] == "running"
    with Writer(folder, "test") as writer:
        assert writer.connection.execute("select status, jobs from run").fetchall() == [("finished", 1)]


def test_a_run_knows_what_is_done_and_what_is_missing(folder: Path) -> None:
    done, in_place, new = subject("a"), subject("b"), subject("c")
    made(folder, in_place)
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        run.do("subjects", [done])
        assert run.missing(each.jobs[0] for each in (done, in_place, new)) == {key(new)}


def test_files_that_are_in_place_count_as_done(folder: Path) -> None:
    made(folder, subject("a"))
    noted = Noted()
    with Writer(folder, "test") as writer, Run(writer, "test", {}, noted) as run:
        results = run.do("subjects", [subject("a")])
        assert run.jobs_done == 1
    assert noted.events == [("stage", "subjects", 0, 1)]
    assert set(results) == {key(subject("a"))}


def test_the_runs_own_executor_goes_before_that_of_a_stage(folder: Path) -> None:
    own, of_stage = Chosen(), Chosen()
    with Writer(folder, "test") as writer:
        with Run(writer, "test", {}) as run:
            run.do("a", [subject("a")], of_stage)
        with Run(writer, "test", {}, executor=own) as run:
            run.do("b", [subject("b")], of_stage)
            run.try_each("c", [subject("c")])
    assert of_stage.called == [(folder, False)]
    assert own.called == [(folder, False), (folder, True)]


def test_every_job_that_fails_is_reported(folder: Path) -> None:
    noted = Noted()
    batches = [
        failing("x", BadInput("no weights", hint="load them")),
        subject("a"),
        failing("y", BadInput("no weights", hint="load them")),
        failing("z", ValueError("odd")),
    ]
    with Writer(folder, "test") as writer, Run(writer, "test", {}, noted) as run:
        results, failures = run.try_each("all", batches)
    words = "no weights (load them)"
    assert failures == {key(batches[0]): words, key(batches[2]): words, key(batches[3]): "ValueError: odd"}
    assert set(results) == {key(batches[1])}
    said = [event[1] for event in noted.events if event[0] == "say"]
    assert said == [f"Failed: x: {words}", f"Failed: y: {words}", "Failed: z: ValueError: odd"]
    assert noted.events.count(("done",)) == 1, "a job that failed is not done"


def test_the_error_of_a_job_comes_out_as_it_was_raised(folder: Path) -> None:
    error = ValueError("odd")
    noted = Noted()
    with Writer(folder, "test") as writer, Run(writer, "test", {}, noted) as run:
        with pytest.raises(ValueError, match="odd") as raised:
            run.do("all", [subject("a"), failing("x", error), subject("b")])
        assert run.missing(subject(name).jobs[0] for name in "ab") == {key(subject("b"))}
    assert raised.value is error
    assert [event for event in noted.events if event[0] == "say"] == []


def test_an_error_is_kept_by_its_words_alone(folder: Path) -> None:
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        _, failures = run._do("all", [failing("x", ValueError("large"))], None, keep_going=True)
    [error] = failures.values()
    assert type(error) is AlignhouseError
    assert str(error) == "ValueError: large"
    assert error.__traceback__ is None


def test_jobs_that_end_within_a_second_are_registered_together(
    folder: Path, registered: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        now, tick = 100.0, 0.01

        @classmethod
        def monotonic(cls) -> float:
            cls.now += cls.tick
            return cls.now

    monkeypatch.setattr(runs, "time", Clock)
    seconds = runs.SECONDS_UNREGISTERED
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        run.do("many", [subject(str(number)) for number in range(5)])
        assert registered == [1, 4], "the first at once, so that readers see it; the others at the end"
        registered.clear()
        monkeypatch.setattr(runs, "SECONDS_UNREGISTERED", 0.001)
        run.do("more", [subject(str(number)) for number in range(5, 8)])
        assert registered == [1, 1, 1]
        assert run.jobs_done == 8
        registered.clear()
        monkeypatch.setattr(runs, "SECONDS_UNREGISTERED", seconds)
        monkeypatch.setattr(Clock, "tick", 0.6)
        run.do("slow", [subject(str(number)) for number in range(8, 11)])
        assert registered == [1, 2]


def test_a_job_with_several_files_counts_once(folder: Path) -> None:
    outputs = [Output(("rdms", f"part={part}"), pa.table({"a": [part]})) for part in range(3)]
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        run.do("one", [batch_of(Job("m", 1, {}, {}, "m"), *outputs)])
        assert run.jobs_done == 1


def test_an_all_or_nothing_block_registers_once_at_its_end(folder: Path, registered: list[int]) -> None:
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        with run.all_or_nothing():
            run.do("first", [subject("a"), subject("b")])
            run.do("second", [subject("c")])
            assert registered == []
        assert registered == [3]
        with run.all_or_nothing():
            run.do("nothing", [])
        assert registered == [3]
        run.do("afterwards", [subject("d")])
        assert registered == [3, 1]


def test_bad_input_leaves_files_that_were_there_before(folder: Path) -> None:
    [left_behind] = made(folder, subject("a"))
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        with pytest.raises(BadInput, match="odd"), run.all_or_nothing():
            run.do("subjects", [subject("a"), subject("b"), subject("b2"), subject("b3")])
            raise BadInput("odd")
        assert list(files(folder)) == [left_behind.file]
        run.do("afterwards", [subject("c")])
        assert run.jobs_done == 1


def test_another_error_leaves_the_files_for_the_next_run(folder: Path) -> None:
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        with pytest.raises(KeyboardInterrupt), run.all_or_nothing():
            run.do("subjects", [subject("a")])
            raise KeyboardInterrupt
        assert run.jobs_done == 0
        assert len(list(files(folder))) == 1


def test_readers_see_whether_a_run_ended_well(folder: Path) -> None:
    with Writer(folder, "test") as writer:
        with Run(writer, "test", {}) as run:
            run.do("subjects", [subject("a")])
        with pytest.raises(RuntimeError), Run(writer, "test", {}) as run:
            run.do("subjects", [subject("b")])
            writer.publish(force=True)
            raise RuntimeError
    with Warehouse.open(folder) as opened:
        found = opened.sql("select status, jobs from run order by run").fetchall()
    assert found == [("finished", 1), ("stopped", 1)]


def test_a_run_that_does_nothing_leaves_no_row(folder: Path) -> None:
    with Writer(folder, "test") as writer:
        with Run(writer, "test", {}) as run:
            assert run.do("nothing", []) == {}
        assert writer.connection.execute("select count(*) from run").fetchall() == [(0,)]


def test_rows_of_a_statement_come_by_their_columns(folder: Path) -> None:
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        writer.connection.execute(
            "insert into dataset by name"
            " select 'd' as dataset, 'bmd' as kind, true as is_synthetic, '' as remark, '' as artifact"
        )
        [row] = run.rows("dataset_row", dataset="d")
        assert (row["kind"], row["version"], row["is_synthetic"]) == ("bmd", None, True)
        assert run.rows("dataset_row", dataset="other") == []


def test_the_same_job_in_two_batches_is_done_by_the_first(folder: Path) -> None:
    noted = Noted()
    with Writer(folder, "test") as writer, Run(writer, "test", {}, noted) as run:
        run.do("twice", [subject("a"), subject("a"), subject("b")])
    assert noted.events.count(("done",)) == 2


def test_progress_hears_of_work_and_of_what_is_done(folder: Path) -> None:
    noted = Noted()
    three = replace(numbers(0, 3), work=(5.0, 1.0, 2.0))
    unequal = replace(numbers(3, 2), sizes=(30, 40), preparing="getting ready", prepare=None)
    with Writer(folder, "test") as writer, Run(writer, "test", {}, noted) as run:
        run.do("all", [three, unequal])
    assert noted.work == [
        ("stage", 78.0),
        ("job", 8.0),
        ("done", 5.0),
        ("job", 3.0),
        ("done", 1.0),
        ("job", 2.0),
        ("done", 2.0),
        ("job", 70.0),
        ("done", 30.0),
        ("job", 40.0),
        ("done", 40.0),
    ]
    assert [event[1] for event in noted.events if event[0] == "job"] == [
        "number 0 and 2 more",
        "number 1 and 1 more",
        "number 2",
        "number 3 and 1 more",
        "number 4",
    ]
    assert noted.does[:2] == ["computing", "writing"]
    assert {"registering", "publishing"} <= set(noted.does)


def test_what_is_prepared_is_named(folder: Path) -> None:
    def call(jobs: Sequence[Job], reporter: Reporter, prepared: str) -> Iterator[list[Output]]:
        yield []

    noted = Noted()
    jobs = (Job("p", 1, {}, {}, "p"),)
    batch = Batch(jobs, call, prepare=lambda: "x", preparing="building the network")
    with Writer(folder, "test") as writer, Run(writer, "test", {}, noted) as run:
        run.do("all", [batch])
    assert noted.does[:3] == ["building the network", "computing", "writing"]


def test_work_of_another_number_of_jobs_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="work of a batch: expected 2, found 1"):
        replace(numbers(0, 2), work=(1.0,))
