"""Executors: every job once, in order, and nothing lost where one fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pyarrow as pa
import pytest

from alignhouse.warehouse import BadInput
from alignhouse.warehouse.artifacts import files, write
from alignhouse.warehouse.errors import Stopped
from alignhouse.warehouse.executors import MOST_UNWRITTEN, local, threaded, writing_behind
from alignhouse.warehouse.jobs import Job, Output, Tick


def job(number: int, before: Callable[[Tick], None] = lambda tick: None) -> Job:
    def work(tick: Tick) -> list[Output]:
        before(tick)
        return [Output(("facts", "table=t"), pa.table({"number": [number]}))]

    return Job("t", 1, {"number": number}, {}, f"job {number}", work)


def starting(job: Job) -> Tick:
    return lambda done, total: None


@pytest.mark.parametrize("executor", [local, threaded, writing_behind])
def test_jobs_come_back_in_their_order_whichever_ends_first(tmp_path, executor):
    jobs = [job(number, lambda tick, number=number: time.sleep(0.02 * (number % 3))) for number in range(12)]
    done = list(executor(tmp_path, iter(jobs), starting))
    assert [each.settings["number"] for each, _ in done] == list(range(12))
    assert len(list(files(tmp_path))) == 12


def test_jobs_run_at_the_same_time(tmp_path):
    both = threading.Barrier(2, timeout=20)
    list(
        threaded(tmp_path, [job(number, lambda tick: both.wait() and None) for number in range(2)], starting)
    )


def test_few_jobs_are_taken_ahead_of_what_is_consumed(tmp_path):
    taken = []

    def jobs():
        for number in range(200):
            taken.append(number)
            yield job(number)

    running = threaded(tmp_path, jobs(), starting)
    next(running)
    assert len(taken) < 60
    running.close()


def test_where_one_fails_those_that_were_done_are_given_before_the_error(tmp_path):
    def fail(tick: Tick) -> None:
        raise BadInput("job 3 has bad input")

    def slowly(tick: Tick) -> None:
        time.sleep(0.05)

    jobs = [job(number, fail if number == 3 else slowly) for number in range(50)]
    given = []
    with pytest.raises(BadInput, match="job 3"):
        for each, _ in threaded(tmp_path, jobs, starting):
            given.append(each.settings["number"])
    assert given[:3] == [0, 1, 2]
    assert 3 not in given
    assert len(given) < 49, "later jobs are not begun"
    assert len(list(files(tmp_path))) == len(given), "every file that was written was given"


def test_a_consumer_that_stops_ends_the_jobs_at_their_next_step(tmp_path):
    ended = []

    def forever(tick: Tick) -> None:
        try:
            while True:
                tick(0, 1)
                time.sleep(0.005)
        except Stopped:
            ended.append(True)
            raise

    running = threaded(tmp_path, [job(0), *(job(number, forever) for number in range(1, 4))], starting)
    next(running)
    time.sleep(0.05)
    running.close()
    assert ended
    assert len(list(files(tmp_path))) == 1


def test_files_are_written_while_the_next_job_computes(tmp_path):
    def until_written(tick: Tick) -> None:
        ends = time.monotonic() + 20
        while not list(files(tmp_path)):
            assert time.monotonic() < ends, "the first job's file was not written meanwhile"
            time.sleep(0.005)

    assert len(list(writing_behind(tmp_path, [job(0), job(1, until_written)], starting))) == 2


def test_computing_waits_where_too_much_is_unwritten(tmp_path, monkeypatch):
    computed, released = [], threading.Event()

    def slowly(*arguments):
        assert released.wait(20)
        return write(*arguments)

    monkeypatch.setattr("alignhouse.warehouse.executors.write", slowly)
    jobs = [job(number, lambda tick: computed.append(tick)) for number in range(3 * MOST_UNWRITTEN)]
    running = writing_behind(tmp_path, jobs, starting)
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


def test_where_computing_fails_what_waits_is_written_and_given_before_the_error(tmp_path):
    def fail(tick: Tick) -> None:
        raise BadInput("job 3 has bad input")

    running = writing_behind(tmp_path, [job(0), job(1), job(2), job(3, fail), job(4)], starting)
    given = []
    with pytest.raises(BadInput, match="job 3"):
        for each, _ in running:
            given.append(each.settings["number"])
    assert given == [0, 1, 2]
    assert len(list(files(tmp_path))) == 3


def test_where_writing_fails_the_error_is_raised(tmp_path, monkeypatch):
    def full(root, each, outputs):
        if each.settings["number"] == 1:
            raise OSError("no space left")
        return write(root, each, outputs)

    monkeypatch.setattr("alignhouse.warehouse.executors.write", full)
    given = []
    with pytest.raises(OSError, match="no space left"):
        for each, _ in writing_behind(tmp_path, [job(number) for number in range(4)], starting):
            given.append(each.settings["number"])
    assert 1 not in given
    assert given[0] == 0
