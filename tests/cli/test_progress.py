"""Progress: the time left comes from work, what is done now is named, and a pipe gets few lines."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from alignhouse.cli.pace import LEAST_SECONDS, Pace, in_words, roughly
from alignhouse.cli.progress import Bars


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_is_that_of_the_work_and_not_of_the_jobs() -> None:
    pace = Pace(100, began=0)
    for number in range(9):  # nine of ten jobs, but a tenth of the work
        pace.call(10 / 9, at=float(number))
        pace.finished(10 / 9, at=number + 1.0)
    pace.call(90, at=9)
    assert pace.left(9) == pytest.approx(9 * 90 / 10)
    assert pace.left(29) == pytest.approx(81 - 20), "it counts down while the call runs"


def test_steps_of_the_current_call_set_its_pace() -> None:
    pace = Pace(20, began=0)
    pace.call(10, at=0)
    pace.finished(10, at=10)
    pace.call(10, at=10)
    pace.step(0.25, at=20)
    assert pace.done == 12.5
    assert pace.left(20) == pytest.approx(30), "a quarter took 10 s, though the job before was faster"
    assert pace.left(25) == pytest.approx(25)
    pace.step(0.2, at=26)
    assert pace.left(26) == pytest.approx(24), "steps never go back"


def test_no_time_left_is_given_until_it_is_known() -> None:
    pace = Pace(1000, began=0)
    pace.call(1000, at=0)
    assert pace.left(300) is None, "nothing is done yet"
    pace.step(0.005, at=301)
    assert pace.left(301) is None, "less than a percent"
    pace.step(0.5, at=400)
    assert pace.left(400) == pytest.approx(400)
    early = Pace(2, began=0)
    early.finished(1, at=0.1)
    assert early.left(LEAST_SECONDS - 0.1) is None
    early.finished(1, at=4)
    assert early.left(10) is None, "nothing is left"


def test_no_time_left_is_given_once_a_job_is_far_slower_than_its_work() -> None:
    pace = Pace(3, began=0)
    for at in (10.0, 20.0):
        pace.call(1, at=at - 10)
        pace.finished(1, at=at)
    pace.call(1, at=20)
    assert pace.left(25) == pytest.approx(5)
    assert pace.left(30) is None, "the last second would stand still"
    assert pace.left(300) is None
    two = Pace(4, began=0)
    two.finished(2, at=20)
    two.call(1, at=20)
    assert two.left(35) == pytest.approx(10), "the other job is still to come"
    assert two.left(20 + LEAST_SECONDS + 2 * 20 + 1) is None


def test_durations_in_words() -> None:
    exact = {0: "0 s", 59.6: "1 min 0 s", 200: "3 min 20 s", 7500: "2 h 5 min"}
    rough = {1: "5 s", 43: "45 s", 57: "1 min", 425: "7 min", 3599: "1 h", 7860: "2 h 10 min"}
    assert {seconds: in_words(seconds) for seconds in exact} == exact
    assert {seconds: roughly(seconds) for seconds in rough} == rough


def on_a_pipe() -> tuple[Bars, Clock, io.StringIO]:
    file, clock = io.StringIO(), Clock()
    return Bars(Console(file=file, width=200), seconds=10, clock=clock), clock, file


def test_a_pipe_gets_a_line_every_few_seconds_that_names_what_is_done() -> None:
    bars, clock, file = on_a_pipe()
    bars.stage("Extracting", 2, 3, work=100)
    bars.job("AlexNet", work=20)
    bars.doing("decoding")
    clock.now += 9
    bars.tick()
    bars.job_done(work=20)
    bars.job("ResNet34", work=80)
    clock.now += 2
    bars.doing("making RDMs")
    bars.step(1, 4)
    bars.tick()
    bars.tick()
    clock.now += 11
    bars.tick()
    bars.job_done(work=80)
    bars.stage("Nothing", 0, 5)
    bars.end()
    assert file.getvalue().splitlines() == [
        "Extracting: 2 to do, 3 done before",
        "  1 of 2 done, about 5 s left; now ResNet34: making RDMs (1/4, 2 s)",
        "  1 of 2 done; now ResNet34: making RDMs (1/4, 13 s)",
        "  2 of 2 done in 22 s",
    ]


def test_a_short_stage_is_one_line_on_a_pipe() -> None:
    bars, clock, file = on_a_pipe()
    bars.stage("Scoring", 3, 0)
    for number in range(3):
        bars.job(f"job {number}")
        clock.now += 1
        bars.job_done()
    bars.end()
    assert file.getvalue() == "Scoring: 3 to do\n"


def test_lines_become_rarer_in_a_long_stage() -> None:
    bars, clock, file = on_a_pipe()
    bars.stage("Extracting", 1, 0)
    bars.job("AlexNet")
    for _ in range(7200):
        clock.now += 1
        bars.tick()
    lines = len(file.getvalue().splitlines())
    assert 7200 / 60 <= lines < 200, "720 without it"


def test_a_terminal_shows_the_job_what_it_does_and_the_time_left() -> None:
    file, clock = io.StringIO(), Clock()
    console = Console(file=file, width=160, force_terminal=True, color_system=None)
    bars = Bars(console, clock=clock)
    with bars._bars:
        bars.stage("Scoring networks", 4, 0, work=40)
        bars.job("AlexNet and 3 more", work=40)
        clock.now += 10
        bars.step(1, 2)
        bars.doing("writing")
        shown = console.capture()
        with shown:
            console.print(bars._bars.get_renderable())
    text = shown.get()
    assert "Scoring networks" in text
    assert "0/4" in text
    assert "about 10 s left" in text
    assert "AlexNet and 3 more: writing" in text
    assert "1/2" in text
