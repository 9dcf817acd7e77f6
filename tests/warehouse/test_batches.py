"""Batches: the jobs of one call, and the effects of a failed call."""

from __future__ import annotations

import pickle
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from small_batches import made
from working_batches import numbers

from alignhouse.warehouse.batches import Batch, Reporter, single
from alignhouse.warehouse.errors import BadInput
from alignhouse.warehouse.executors.local import local
from alignhouse.warehouse.jobs import Job, Output
from alignhouse.warehouse.kept import forget, kept
from alignhouse.warehouse.progress import Silent
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer


class Calls:
    """Records the names of the jobs of each call; fails for jobs called "bad"."""

    def __init__(self) -> None:
        self.made: list[list[str]] = []

    def __call__(self, jobs: Sequence[Job], reporter: Reporter) -> Iterator[list[Output]]:
        names = [job.label for job in jobs]
        self.made.append(names)
        if "bad" in names:
            raise BadInput("RDMs of bad")
        for _ in names:
            yield []


def job(name: str) -> Job:
    return Job("m", 1, {"name": name}, {}, name)


def batch(sizes: dict[str, int], most: int | None = None, **more: bool) -> tuple[Batch, Calls]:
    calls = Calls()
    jobs = tuple(job(name) for name in sizes)
    return Batch(jobs, calls, sizes=tuple(sizes.values()), most=most, **more), calls  # type: ignore[arg-type]


def pieces(whole: Batch, missing: str | None = None) -> list[list[str]]:
    keys = {each.key for each in whole.jobs if missing is None or each.label in missing}
    return [[each.label for each in piece.jobs] for piece in whole.divided(keys)]


def test_a_batch_is_divided_into_calls_of_at_most_a_size() -> None:
    whole, _ = batch({"a": 3, "b": 2, "c": 5, "d": 1}, most=10)
    assert pieces(whole) == [["a", "b", "c"], ["d"]]
    assert pieces(whole, missing="acd") == [["a", "c", "d"]]
    assert pieces(whole, missing="") == []


def test_a_job_that_is_larger_than_a_call_makes_one_of_its_own() -> None:
    whole, _ = batch({"a": 1, "large": 100, "b": 1}, most=10)
    assert pieces(whole) == [["a"], ["large"], ["b"]]


def test_a_batch_without_a_limit_is_one_call() -> None:
    assert pieces(batch({"a": 3, "b": 200})[0]) == [["a", "b"]]


def test_a_job_that_is_there_twice_is_done_once() -> None:
    calls = Calls()
    assert pieces(Batch((job("a"), job("b"), job("a")), calls)) == [["a", "b"]]


def test_sizes_must_be_of_all_jobs() -> None:
    with pytest.raises(ValueError, match="expected 2, found 1"):
        Batch((job("a"), job("b")), Calls(), sizes=(1,))


def test_a_divisible_batch_that_fails_is_tried_job_by_job(tmp_path: Path) -> None:
    whole, calls = batch({"a": 1, "bad": 1, "c": 1}, divisible=True)
    results = list(local(tmp_path, [whole], lambda job: Silent(), keep_going=True))
    assert [(each.label, isinstance(result, BadInput)) for each, result in results] == [
        ("a", False),
        ("bad", True),
        ("c", False),
    ]
    assert calls.made == [["a", "bad", "c"], ["a"], ["bad"], ["c"]]


def test_a_batch_that_is_not_divisible_fails_as_a_whole(tmp_path: Path) -> None:
    whole, calls = batch({"a": 1, "bad": 1})
    results = list(local(tmp_path, [whole], lambda job: Silent(), keep_going=True))
    assert [isinstance(result, BadInput) for _, result in results] == [True, True]
    assert calls.made == [["a", "bad"]], "what failed for all is not tried again for each"


@pytest.mark.parametrize(("count", "expected"), [(1, "yielded no outputs for b"), (3, "for more jobs")])
def test_a_function_gives_the_outputs_of_exactly_its_jobs(count: int, expected: str) -> None:
    def call(jobs: Sequence[Job], reporter: Reporter) -> Iterator[list[Output]]:
        for _ in range(count):
            yield []

    with pytest.raises(RuntimeError, match=expected):
        list(Batch((job("a"), job("b")), call).outputs(Silent()))


def test_a_batch_can_be_pickled(tmp_path: Path) -> None:
    batch = numbers(0, 3)
    there = pickle.loads(pickle.dumps(batch))
    assert [each.key for each in there.jobs] == [each.key for each in batch.jobs]
    assert made(tmp_path / "a", there) == made(tmp_path / "b", batch)


def test_a_run_asks_once_and_makes_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    finished = Writer.finished

    def noted(self: Writer, jobs: object) -> object:
        jobs = list(jobs)  # type: ignore[call-overload]
        asked.append(len(jobs))
        return finished(self, jobs)

    monkeypatch.setattr(Writer, "finished", noted)
    with Writer(tmp_path, "test") as writer, Run(writer, "test", {}) as run:
        assert set(run.do("numbers", [numbers(0, 2)])) == {each.key for each in numbers(0, 2).jobs}
        before = run.jobs_done
        results = run.do("numbers", [numbers(0, 2), numbers(1, 3)])
    assert asked == [2, 4]
    assert (before, run.jobs_done) == (2, 4)
    assert set(results) == {each.key for each in numbers(0, 4).jobs}


def test_a_cached_result_is_computed_once_until_it_is_dropped() -> None:
    computed = []

    @kept
    def square(number: int) -> int:
        computed.append(number)
        return number * number

    assert [square(3), square(3), square(4), square(4), square(3)] == [9, 9, 16, 16, 9]
    assert computed == [3, 4, 3], "only the last result is kept"
    forget()
    assert square(3) == 9
    assert computed == [3, 4, 3, 3]


def test_a_stage_forgets_what_its_batches_kept(tmp_path: Path) -> None:
    computed = []

    @kept
    def shared() -> int:
        computed.append(1)
        return 1

    def call(jobs: Sequence[Job], reporter: Reporter) -> Iterator[list[Output]]:
        shared()
        yield from ([] for _ in jobs)

    with Writer(tmp_path, "test") as writer, Run(writer, "test", {}) as run:
        run.do("one", [Batch((job("a"),), call), Batch((job("b"),), call)])
        assert computed == [1]
        run.do("two", [Batch((job("c"),), call)])
    assert computed == [1, 1]


def test_each_label_that_fails_is_said_once_for_the_same_reason(tmp_path: Path) -> None:
    said: list[str] = []

    class Listening(Silent):
        def say(self, line: str) -> None:
            said.append(line)

    def fails(jobs: Sequence[Job], reporter: Reporter) -> Iterator[list[Output]]:
        raise BadInput("no weights")
        yield []

    # One network under two protocols, and another network.
    one = Batch((Job("m", 1, {"p": 1}, {}, "one"), Job("m", 1, {"p": 2}, {}, "one")), fails)
    two = Batch((Job("m", 1, {"p": 3}, {}, "two"),), fails)
    with Writer(tmp_path, "test") as writer, Run(writer, "test", {}, Listening()) as run:
        done, failures = run.try_each("Extracting", [one, two])
    assert done == {}
    assert said == ["Failed: one: no weights", "Failed: two: no weights"]
    assert set(failures) == {each.key for each in (*one.jobs, *two.jobs)}
    assert set(failures.values()) == {"no weights"}


def test_jobs_without_sizes_count_one_each() -> None:
    whole = Batch(tuple(job(name) for name in "abcd"), Calls(), most=3)
    assert pieces(whole) == [["a", "b", "c"], ["d"]]


def test_a_call_may_be_exactly_as_large_as_the_limit() -> None:
    assert pieces(batch({"a": 4, "b": 6, "c": 1}, most=10)[0]) == [["a", "b"], ["c"]]


def test_a_piece_keeps_the_sizes_of_its_own_jobs() -> None:
    whole, _ = batch({"a": 4, "b": 6, "c": 1}, most=6)
    assert [piece.sizes for piece in whole.divided({each.key for each in whole.jobs})] == [(4,), (6,), (1,)]
    assert [each.sizes for each in whole.singly()] == [(4,), (6,), (1,)]


def test_a_batch_is_neither_divided_nor_prepared_ahead_unless_it_says_so() -> None:
    plain = Batch((job("a"),), Calls())
    assert (plain.divisible, plain.ahead, plain.sizes, plain.most, dict(plain.shared)) == (
        False,
        False,
        (),
        None,
        {},
    )
    assert plain.prepared() is None


def test_what_is_prepared_reaches_the_call_beside_the_shared_arguments() -> None:
    handed = []

    def prepare(number: int) -> int:
        return number + 1

    def call(jobs: Sequence[Job], reporter: Reporter, number: int, prepared: int) -> Iterator[list[Output]]:
        handed.append((jobs, reporter, number, prepared))
        yield []

    silent = Silent()
    made_ahead = Batch((job("a"),), call, {"number": 4}, prepare=prepare)
    assert list(made_ahead.outputs(silent, made_ahead.prepared())) == [[]]
    assert handed == [((job("a"),), silent, 4, 5)]


def test_the_function_of_a_single_job_gets_the_job_its_reporter_and_its_arguments() -> None:
    handed = []

    def make(job: Job, reporter: Reporter, number: int) -> list[Output]:
        handed.append((job, reporter, number))
        return []

    silent = Silent()
    assert list(single(job("a"), make, number=3).outputs(silent)) == [[]]
    assert handed == [(job("a"), silent, 3)]


def test_a_result_is_kept_for_the_same_named_arguments_only() -> None:
    computed = []

    @kept
    def power(number: int, *, exponent: int) -> int:
        """A power."""
        computed.append((number, exponent))
        return int(number**exponent)

    assert [power(2, exponent=3), power(2, exponent=3), power(2, exponent=4)] == [8, 8, 16]
    assert computed == [(2, 3), (2, 4)]
    assert (power.__name__, power.__doc__) == ("power", "A power.")


def test_a_result_is_kept_whoever_sees_its_progress() -> None:
    told: list[str] = []

    @kept
    def slow(number: int, *, tick: Callable[[int, int], object]) -> int:
        tick(1, 1)
        return number

    for number, name in ((2, "first"), (2, "second"), (3, "third")):
        assert slow(number, tick=lambda done, total, name=name: told.append(name)) == number
    assert told == ["first", "third"]


def test_the_former_result_is_dropped_before_the_next_is_computed() -> None:
    class Large:
        pass

    alive: list[weakref.ref[Large]] = []

    @kept
    def large(number: int) -> Large:
        assert all(each() is None for each in alive), "two results at once could take twice the memory"
        made = Large()
        alive.append(weakref.ref(made))
        return made

    large(1)
    large(2)
    assert len(alive) == 2


def test_one_result_can_be_forgotten_alone() -> None:
    computed = []

    def noted(name: str) -> str:
        computed.append(name)
        return name

    first, second = kept(noted), kept(noted)
    assert (first("a"), second("b")) == ("a", "b")
    first.forget()
    assert (first("a"), second("b")) == ("a", "b")
    assert computed == ["a", "b", "a"]


def test_a_function_that_failed_is_called_again() -> None:
    answers = iter([BadInput("not yet"), 4])

    @kept
    def later() -> int:
        answer = next(answers)
        if isinstance(answer, BadInput):
            raise answer
        return answer

    with pytest.raises(BadInput, match="not yet"):
        later()
    assert later() == 4
