"""Executors run every job once and in order, and lose no results if a job fails."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import working_batches
from small_batches import batch_of
from working_batches import number_batch, numbers

from alignhouse.warehouse import BadInput
from alignhouse.warehouse.artifacts import files, write
from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.cores import cores
from alignhouse.warehouse.errors import AlignhouseError, Stopped
from alignhouse.warehouse.executors.executor import Executor
from alignhouse.warehouse.executors.local import MOST_UNWRITTEN, local, writing_behind
from alignhouse.warehouse.executors.processes import Processes
from alignhouse.warehouse.executors.threaded import threaded, threads
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.progress import Silent


def batch(number: int, before: Callable[[Reporter], object] = lambda reporter: None) -> Batch:
    def make(job: Job, reporter: Reporter) -> list[Output]:
        before(reporter)
        return [Output(("facts", "table=t"), pa.table({"number": [number]}))]

    return single(Job("t", 1, {"number": number}, {}, f"job {number}"), make)


def fail(reporter: Reporter) -> None:
    raise BadInput("job 3 has bad input")


def starting(job: Job) -> Reporter:
    return Silent()


def number_of(job: Job) -> Any:
    return job.settings["number"]


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes(2) as executor:
        yield executor


@pytest.mark.parametrize("executor", [local, threaded, writing_behind])
def test_results_keep_the_order_of_jobs_whichever_job_ends_first(tmp_path: Path, executor: Executor) -> None:
    batches = [
        batch(number, lambda reporter, number=number: time.sleep(0.02 * (number % 3)))  # type: ignore[misc]
        for number in range(12)
    ]
    done = list(executor(tmp_path, iter(batches), starting))
    assert [number_of(each) for each, _ in done] == list(range(12))
    assert len(list(files(tmp_path))) == 12


def test_jobs_run_at_the_same_time(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=20)
    results = list(threaded(tmp_path, [batch(n, lambda reporter: both.wait()) for n in range(2)], starting))
    assert not [made for _, made in results if isinstance(made, Exception)]


def test_no_more_threads_run_than_there_are_cores_and_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert threads() == cores() + 1
    monkeypatch.setattr("alignhouse.warehouse.executors.threaded.threads", lambda: 2)
    running, most = threading.Semaphore(2), []

    def one_of_two(reporter: Reporter) -> None:
        most.append(running.acquire(blocking=False))
        time.sleep(0.005)
        running.release()

    results = list(threaded(tmp_path, [batch(number, one_of_two) for number in range(12)], starting))
    assert (len(results), set(most)) == (12, {True})


@pytest.mark.parametrize("executor", [local, threaded, writing_behind])
def test_each_job_is_begun_once_and_in_order(tmp_path: Path, executor: Executor) -> None:
    begun: list[int] = []

    def beginning(job: Job) -> Reporter:
        begun.append(number_of(job))
        return Silent()

    list(executor(tmp_path, [batch(number) for number in range(4)], beginning))
    assert begun == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_two_batches_a_worker_are_taken_ahead_of_what_is_consumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: Processes, kind: str
) -> None:
    monkeypatch.setattr("alignhouse.warehouse.executors.threaded.threads", lambda: 2)
    taken = []

    def batches() -> Iterator[Batch]:
        for number in range(20):
            taken.append(number)
            yield number_batch("number", number)

    running = (threaded if kind == "threads" else processes)(tmp_path, batches(), starting)
    next(running)
    assert len(taken) == 2 * 2 + 1
    running.close()


@pytest.mark.parametrize("executor", [local, threaded, writing_behind])
def test_after_an_error_no_batch_begins_and_nothing_that_was_done_is_lost(
    tmp_path: Path, executor: Executor
) -> None:
    batches = [
        batch(number, fail if number == 3 else lambda reporter: time.sleep(0.05)) for number in range(50)
    ]
    results = [(number_of(job), made) for job, made in executor(tmp_path, batches, starting)]
    errors = [(number, made) for number, made in results if isinstance(made, Exception)]
    assert [(number, str(error)) for number, error in errors] == [(3, "job 3 has bad input")]
    given = [number for number, made in results if not isinstance(made, Exception)]
    assert given[:3] == [0, 1, 2]
    assert len(given) < 49, "later jobs are not begun"
    assert len(list(files(tmp_path))) == len(given), "every file that was written was given"


@pytest.mark.parametrize("executor", [local, threaded, writing_behind])
def test_an_executor_that_keeps_going_does_all_others(tmp_path: Path, executor: Executor) -> None:
    batches = [batch(number, fail if number in (0, 3) else lambda reporter: None) for number in range(6)]
    results = list(executor(tmp_path, batches, starting, keep_going=True))
    assert [number_of(job) for job, _ in results] == list(range(6))
    assert [number_of(job) for job, made in results if isinstance(made, BadInput)] == [0, 3]
    assert len(list(files(tmp_path))) == 4


def test_a_consumer_that_stops_ends_the_jobs_at_their_next_step(tmp_path: Path) -> None:
    ended = []

    def forever(reporter: Reporter) -> None:
        try:
            while True:
                reporter.step(0, 1)
                time.sleep(0.005)
        except Stopped:
            ended.append(True)
            raise

    running = threaded(tmp_path, [batch(0), *(batch(number, forever) for number in range(1, 4))], starting)
    next(running)
    time.sleep(0.05)
    running.close()
    assert ended
    assert len(list(files(tmp_path))) == 1


def test_files_are_written_while_the_next_job_computes(tmp_path: Path) -> None:
    def until_written(reporter: Reporter) -> None:
        ends = time.monotonic() + 20
        while not list(files(tmp_path)):
            assert time.monotonic() < ends, "the first job's file was not written meanwhile"
            time.sleep(0.005)

    results = list(writing_behind(tmp_path, [batch(0), batch(1, until_written)], starting))
    assert not [made for _, made in results if isinstance(made, Exception)]


def test_computing_waits_if_too_much_is_unwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed, released = [], threading.Event()

    def slowly(*arguments: Any) -> Any:
        assert released.wait(20)
        return write(*arguments)

    monkeypatch.setattr("alignhouse.warehouse.executors.executor.write", slowly)
    batches = [batch(number, computed.append) for number in range(3 * MOST_UNWRITTEN)]
    running = writing_behind(tmp_path, batches, starting)
    consumer = threading.Thread(target=lambda: list(running))
    consumer.start()
    ends = time.monotonic() + 20
    while len(computed) <= MOST_UNWRITTEN and time.monotonic() < ends:
        time.sleep(0.005)
    time.sleep(0.05)
    assert len(computed) == MOST_UNWRITTEN + 1
    released.set()
    consumer.join()
    assert len(computed) == 3 * MOST_UNWRITTEN == len(list(files(tmp_path)))


@pytest.mark.parametrize("executor", [local, writing_behind])
def test_an_error_of_writing_belongs_to_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: Executor
) -> None:
    def full(root: Path, job: Job, outputs: Sequence[Output]) -> Any:
        if number_of(job) == 1:
            raise OSError("no space left")
        return write(root, job, outputs)

    monkeypatch.setattr("alignhouse.warehouse.executors.executor.write", full)
    batches = [batch(number, lambda reporter: time.sleep(0.01)) for number in range(50)]
    results = dict((number_of(job), made) for job, made in executor(tmp_path, batches, starting))
    assert isinstance(results[1], OSError)
    assert not isinstance(results[0], Exception)
    assert len(results) < 50, "later batches are not begun"


def test_one_file_is_written_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writing, alone = threading.Lock(), []

    def slowly(*arguments: Any) -> Any:
        alone.append(writing.acquire(blocking=False))
        time.sleep(0.005)
        writing.release()
        return write(*arguments)

    monkeypatch.setattr("alignhouse.warehouse.executors.executor.write", slowly)
    list(writing_behind(tmp_path, [batch(number) for number in range(8)], starting))
    assert alone == [True] * 8


class Prepared:
    """Records the order of `prepare` calls and jobs."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.second_is_begun = threading.Event()

    def batch(self, name: str, *, ahead: bool) -> Batch:
        def prepare() -> str:
            self.events.append(f"prepare {name}")
            if name == "bad":
                raise BadInput("cannot be built")
            if name == "b":
                self.second_is_begun.set()
            return name.upper()

        def call(jobs: Sequence[Job], reporter: Reporter, prepared: str) -> Iterator[list[Output]]:
            if ahead and name == "a":
                assert self.second_is_begun.wait(20), "the next was not prepared meanwhile"
            self.events.append(f"make {name} of {prepared}")
            yield []

        return Batch((Job("p", 1, {"name": name}, {}, name),), call, prepare=prepare, ahead=ahead)


def test_a_batch_is_prepared_when_its_turn_comes(tmp_path: Path) -> None:
    prepared = Prepared()
    list(local(tmp_path, [prepared.batch(name, ahead=False) for name in "ab"], starting))
    assert prepared.events == ["prepare a", "make a of A", "prepare b", "make b of B"]


def test_the_next_batch_is_prepared_while_this_one_runs_if_it_allows_it(tmp_path: Path) -> None:
    prepared = Prepared()
    list(local(tmp_path, [prepared.batch(name, ahead=True) for name in "ab"], starting))
    assert prepared.events == ["prepare a", "prepare b", "make a of A", "make b of B"]


@pytest.mark.parametrize("ahead", [True, False])
def test_what_cannot_be_prepared_is_an_error_of_its_own_batch(tmp_path: Path, ahead: bool) -> None:
    prepared = Prepared()
    batches = [prepared.batch(name, ahead=ahead) for name in ("c", "bad", "d")]
    results = list(local(tmp_path, batches, starting, keep_going=True))
    assert [isinstance(made, BadInput) for _, made in results] == [False, True, False]
    assert "make bad" not in " ".join(prepared.events)


def test_processes_write_the_same_bytes_as_this_process(tmp_path: Path, processes: Processes) -> None:
    batches = [numbers(start, 3) for start in range(0, 12, 3)]
    here = list(local(tmp_path / "here", batches, starting))
    there = list(processes(tmp_path / "there", batches, starting))
    assert [job.key for job, _ in there] == [job.key for job, _ in here]
    assert [made for _, made in there] == [made for _, made in here]
    for artifact in (each for _, made in there for each in made):  # type: ignore[union-attr]
        assert artifact.file.is_file()
        assert artifact.root == (tmp_path / "there").resolve()


def test_batches_run_in_other_processes(tmp_path: Path, processes: Processes) -> None:
    results = list(processes(tmp_path, [number_batch("process", n) for n in range(8)], starting))
    pids = {made[0].about["pid"] for _, made in results}  # type: ignore[index]
    assert pids
    assert os.getpid() not in pids


def test_lines_of_a_batch_in_another_process_are_shown(tmp_path: Path, processes: Processes) -> None:
    said: list[str] = []

    class Listening(Silent):
        def say(self, line: str) -> None:
            said.append(line)

    list(processes(tmp_path, [number_batch("say", 7)], lambda job: Listening()))
    assert said == ["7 says something"]


def test_steps_of_the_oldest_batch_in_another_process_are_shown(tmp_path: Path, processes: Processes) -> None:
    told: list[tuple[str, int, int]] = []

    class Listening(Silent):
        def __init__(self, path: Path) -> None:
            self.path = path

        def step(self, done: int, total: int) -> None:
            told.append((self.path.name, done, total))
            self.path.touch()

    # The worker waits for the file that is made when its step is seen; more batches than places.
    batches = [number_batch("steps", str(tmp_path / str(number))) for number in range(6)]
    results = list(processes(tmp_path / "w", batches, lambda job: Listening(Path(number_of(job)))))
    assert told == [(str(number), 250, 1000) for number in range(6)]
    assert not [made for _, made in results if isinstance(made, Exception)]


def test_an_error_in_another_process_comes_back_whole(tmp_path: Path, processes: Processes) -> None:
    batches = [number_batch("fail", 0), number_batch("odd", 1), number_batch("number", 2)]
    (_, bad), (_, odd), (_, good) = processes(tmp_path, batches, starting, keep_going=True)
    assert isinstance(bad, BadInput)
    assert (bad.failed, bad.expected, bad.found, bad.hint) == ("number 0", "1", "0", "use another")
    assert isinstance(odd, AlignhouseError), "an error that cannot be pickled comes back in words"
    assert "Unsendable: has a lock" in str(odd)
    assert not isinstance(good, Exception)


def test_after_an_error_in_another_process_no_batch_begins(tmp_path: Path, processes: Processes) -> None:
    batches = [number_batch("fail" if number == 1 else "slow", number) for number in range(40)]
    results = list(processes(tmp_path, batches, starting))
    given = [job for job, made in results if not isinstance(made, Exception)]
    assert len(given) < 20
    assert len(list(files(tmp_path))) == len(given)


def test_a_batch_that_cannot_be_pickled_gives_a_clear_error(tmp_path: Path, processes: Processes) -> None:
    [(_, error)] = processes(tmp_path, [batch(0)], starting)
    assert isinstance(error, Exception)
    assert "pickle" in str(error).lower()


def test_a_worker_that_dies_is_named(tmp_path: Path) -> None:
    with Processes(1) as executor, pytest.raises(AlignhouseError, match="worker process died.*die 5"):
        list(executor(tmp_path, [number_batch("die", 5)], starting))


def test_workers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    support = Path(working_batches.__file__).parent
    code = (
        f"import sys; sys.path.insert(0, {str(support)!r})\n"
        + f"""
from pathlib import Path
from working_batches import number_batch
from alignhouse.warehouse.executors.processes import Processes
from alignhouse.warehouse.progress import Silent
if __name__ == "__main__":
    executor = Processes(1)
    for job, made in executor(Path({str(tmp_path)!r}), [number_batch("process", 0)], lambda job: Silent()):
        print(made[0].about["pid"], flush=True)
    sys.stdin.readline()
"""
    )
    script = tmp_path / "coordinator.py"
    script.write_text(code, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as coordinator:
        assert coordinator.stdout is not None
        worker = int(coordinator.stdout.readline())
        coordinator.kill()
    ends = time.monotonic() + 30
    while _is_alive(worker) and time.monotonic() < ends:
        time.sleep(0.05)
    assert not _is_alive(worker)


def _is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_known_outputs_are_written(tmp_path: Path) -> None:
    made = batch_of(Job("t", 1, {}, {}, "t"), Output(("facts", "table=t"), pa.table({"a": [1]})))
    [(_, artifacts)] = local(tmp_path, [made], starting)
    assert not isinstance(artifacts, Exception)
    assert [each.n_rows for each in artifacts] == [1]
