"""Kills a command, repeats it to the end, and compares everything with an undisturbed study."""

from __future__ import annotations

import itertools
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from kill_processes import Command
from kill_stages import REPORT, Stage, other_study
from kill_states import (
    LINEAGE,
    Rows,
    contents,
    different_tables,
    faults,
    files,
    lose_the_duckdb_files,
    rows,
    statuses,
    wrong_commits,
)
from kill_steps import SAID, STEPS, Step, landed, steps_of
from mini_study import RUN, MiniStudy, mini_study

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.errors import AlignhouseError
from alignhouse.warehouse.rebuild import rebuild
from alignhouse.warehouse.store import SNAPSHOT

# So many times in a row, at most, the same command is killed before it may run to its end.
MOST_IN_A_ROW = 3
# Half of the kills at steps come up to so many seconds later, so that they hit also what follows the step.
MOST_DELAY = 0.04
# A moment to kill at: a share of the time that the command takes, or a step.
Moment = float | Step


@dataclass
class Count:
    """What happened to one stage: numbers of kills, of commands that were repeated to their end, and of ends
    with the rows and files of an undisturbed study; and everything that was wrong.

    landed : numbers of kills by what the command was doing (`kill_steps.LANDED`).
    bit_for_bit : the equal ends without a difference in the last bits of resampled values.
    mixed : kills after which the report had files of the former and of the new one.
    first_wrong : number of kills until the first that something was wrong after; 0 if nothing was.
    """

    kills: int = 0
    landed: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    equal: int = 0
    bit_for_bit: int = 0
    mixed: int = 0
    first_wrong: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class State:
    """What a study's folder holds, without what is not compared for its stage."""

    rows: Rows
    files: Counter[str]
    beside: set[str]
    warehouse: dict[str, str]
    report: dict[str, str]


@dataclass(frozen=True)
class Undisturbed:
    """The end of a stage without a kill; the seconds that its command took, and its steps."""

    end: State
    seconds: float
    steps: list[str]


class Starts:
    """The finished studies that stages start from, each made when it is first needed.

    folder : an empty folder for all studies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)
        self._making = threading.Lock()

    def copied(self, name: str) -> MiniStudy:
        """A copy of a finished study."""
        with self._making:
            study = self._finished(name)
        return self._copy(study, f"study-{next(self._numbers)}")

    def _finished(self, name: str) -> MiniStudy:
        match name:
            case "nothing":
                return self._nothing
            case "one study":
                return self._one
            case "two studies":
                return self._two
            case "two studies and a report":
                return self._reported
        raise ValueError(name)

    @cached_property
    def _nothing(self) -> MiniStudy:
        study = mini_study(self.folder / "nothing")
        study.change('protocols = ["sound", "paper"]', 'protocols = ["sound"]\nbootstraps = 20')
        study.change('regions = ["V1", "EBA"]', 'regions = ["V1"]')
        return study

    @cached_property
    def _one(self) -> MiniStudy:
        study = self._copy(self._nothing, "one")
        _to_the_end(study, RUN)
        return study

    @cached_property
    def _two(self) -> MiniStudy:
        """The second study replaced rows of the first."""
        study = self._copy(self._one, "two")
        other_study(study)
        _to_the_end(study, RUN)
        return study

    @cached_property
    def _reported(self) -> MiniStudy:
        """Two studies beside the report of the first."""
        study = self._copy(self._two, "reported")
        _to_the_end(self._one, REPORT)
        (self._one.folder / "report").rename(study.folder / "report")
        return study

    def _copy(self, study: MiniStudy, name: str) -> MiniStudy:
        return MiniStudy(Path(shutil.copytree(study.folder, self.folder / name)))


class Kills:
    """Kills the command of a stage, half of the times at moments that are spread evenly over the time that it
    takes, half at steps (`kill_steps`).

    stop_at_first : end when something is wrong.
    """

    def __init__(self, stage: Stage, starts: Starts, seed: int = 0, *, stop_at_first: bool = False) -> None:
        self.stage, self.starts, self.stop_at_first = stage, starts, stop_at_first
        self.chance = random.Random(f"{stage.name} {seed}")

    def kill(self, kills: int) -> Count:
        """Kill so many times."""
        count = Count()
        undisturbed = self._undisturbed()
        moments = self._moments(undisturbed.steps, kills)
        while moments and not (self.stop_at_first and count.wrong):
            in_a_row = self.chance.randint(1, MOST_IN_A_ROW)
            wrong = self._cycle(undisturbed, moments[:in_a_row], count)
            del moments[:in_a_row]
            count.repeated += 1
            count.equal += not wrong
            count.first_wrong = count.first_wrong or (count.kills if wrong else 0)
            count.wrong += wrong
        return count

    def _moments(self, steps: list[str], kills: int) -> list[Moment]:
        """Rare steps are as likely as frequent ones."""
        at_steps = kills - kills // 2 if steps else 0
        at_times = kills - at_steps
        moments: list[Moment] = [(number + self.chance.random()) / at_times for number in range(at_times)]
        times = Counter(steps)
        kinds = sorted(times)
        self.chance.shuffle(kinds)
        for kind in itertools.islice(itertools.cycle(kinds), at_steps):
            delay = self.chance.choice((0.0, self.chance.uniform(0, MOST_DELAY)))
            moments.append(Step(kind, self.chance.randint(1, times[kind]), delay))
        self.chance.shuffle(moments)
        return moments

    def _undisturbed(self) -> Undisturbed:
        stage, study = self.stage, self._start()
        seconds = _to_the_end(study, stage.command)
        steps = steps_of(study.folder)
        if stage.then:
            _to_the_end(study, stage.then)
        assert faults(_result(stage, study)) == []
        end = _state(stage, study)
        shutil.rmtree(study.folder)
        return Undisturbed(end, seconds, steps)

    def _start(self) -> MiniStudy:
        study = self.starts.copied(self.stage.start)
        self.stage.change(study, self.chance)
        return study

    def _cycle(self, undisturbed: Undisturbed, moments: list[Moment], count: Count) -> list[str]:
        """Kill at each of these moments, repeat to the end; returns what is wrong."""
        stage, study = self.stage, self._start()
        start = _state(stage, study, at_end=False)
        wrong = []
        is_fresh = True
        for moment in moments:
            while not _killed(study, stage, moment, undisturbed.seconds):
                # It ended before: the next one starts from the beginning and is killed a little earlier.
                moment = self._earlier(moment) if is_fresh or isinstance(moment, float) else moment
                shutil.rmtree(study.folder)
                study, is_fresh = self._start(), True
                start = _state(stage, study, at_end=False)
            is_fresh = False
            count.kills += 1
            place = landed(study.folder)
            count.landed[place] += 1
            found = list(_after_a_kill(stage, study, start, undisturbed.end))
            wrong += [f"killed at {_words(moment)}, {place}: {each}" for each in found]
            if stage.command == REPORT:
                count.mixed += _is_mixed(study, start.report, undisturbed.end.report)
        wrong += _after_the_repetition(stage, study, undisturbed.end)
        if not wrong:
            ended = _state(stage, study)
            count.bit_for_bit += not different_tables(ended.rows, undisturbed.end.rows)
            # A study with a fault stays, so that it can be looked at.
            shutil.rmtree(study.folder)
        return [f"{stage.name}, {study.folder}: {each}" for each in wrong]

    def _earlier(self, moment: Moment) -> Moment:
        if isinstance(moment, float):
            return 0.8 * moment
        if moment.delay:
            return moment._replace(delay=0.0)
        # Damage prevents some steps.
        return Step(moment.what, moment.number // 2) if moment.number > 1 else self.chance.random()


def _words(moment: Moment) -> str:
    if isinstance(moment, float):
        return f"{moment:.0%} of its time"
    return f"{moment.what} ({moment.number}) + {1000 * moment.delay:.0f} ms"


def _killed(study: MiniStudy, stage: Stage, moment: Moment, seconds: float) -> bool:
    """Whether the command was killed at that moment; otherwise it ended before."""
    if isinstance(moment, Step):
        return Command(study.folder, stage.command, moment).was_killed()
    return Command(study.folder, stage.command).kill_after(moment * seconds)


def _to_the_end(study: MiniStudy, arguments: tuple[str, ...]) -> float:
    """Run a command; returns its seconds."""
    command = Command(study.folder, arguments)
    if code := command.wait():
        raise AssertionError(f"{' '.join(arguments)} ended with {code}: {command.said.read_text()}")
    return time.monotonic() - command.started


def _result(stage: Stage, study: MiniStudy) -> Path:
    return study.folder / stage.result if stage.result else study.warehouse


def _state(stage: Stage, study: MiniStudy, *, at_end: bool = True) -> State:
    """What is compared: after a kill, with the start or the end; after the repetition, with the end."""
    needs_rows = stage.readers_see in ("start or end", "one study")
    if at_end:
        # The contents of a warehouse that must not change say more.
        needs_rows = stage.writes or stage.result is not None
    folder = _result(stage, study) if at_end else study.warehouse
    return State(
        rows(folder) if needs_rows else {},
        files(folder),
        {path.name for path in study.folder.iterdir()} - {SAID, STEPS},
        {} if stage.writes else contents(study.warehouse),
        contents(study.folder / "report"),
    )


def _after_a_kill(stage: Stage, study: MiniStudy, start: State, end: State) -> Iterator[str]:
    """What readers find wrong directly after a kill."""
    if stage.writes and not stage.then:
        yield from wrong_commits(study.warehouse)
    had_snapshot = SNAPSHOT in start.files
    if not (study.warehouse / SNAPSHOT).exists():
        if had_snapshot:
            yield "there was no snapshot"
        return
    if stage.command == REPORT:
        yield from _report_after_a_kill(study, start.report, end.report)
    if stage.result:
        yield from _result_after_a_kill(_result(stage, study), end)
    if not stage.writes:
        # So the warehouse needs no other check.
        yield from _different(contents(study.warehouse), start.warehouse)
        return
    try:
        with Warehouse.open(study.warehouse) as opened:
            opened.ask("best_layer").fetchall()
        found = rows(study.warehouse)
        yield from _wrong_rows(stage, found, start.rows, end.rows)
        was_wrong = stage.readers_see == "start or end" and not different_tables(found, start.rows)
        if not stage.then and not was_wrong:
            # Otherwise the rows have been compared with known ones.
            of_rows = stage.readers_see == "any"
            yield from (f"check: {fault}" for fault in faults(study.warehouse, of_rows=of_rows))
    except Exception as error:  # a broken file fails anywhere
        yield f"reading failed: {type(error).__name__}: {error}"


def _wrong_rows(stage: Stage, found: Rows, start: Rows, end: Rows) -> list[str]:
    match stage.readers_see:
        case "any":
            return []
        case "end":
            return different_tables(found, end)
        case "start or end":
            expected, bit_for_bit = (start, end), True
        case "one study":
            found, start, end = (
                {name: table for name, table in each.items() if name not in LINEAGE}
                for each in (found, start, end)
            )
            expected, bit_for_bit = (start, end), False
    differences = [different_tables(found, each, bit_for_bit=bit_for_bit) for each in expected]
    if all(differences):
        return [f"neither start nor end: {'; '.join(differences[0])} / {'; '.join(differences[1])}"]
    return []


def _result_after_a_kill(target: Path, end: State) -> Iterator[str]:
    """What is wrong with a copy; it is either not there or complete. Removes it, for the next one."""
    if target.exists():
        yield from (f"the copy's {line}" for line in different_tables(rows(target), end.rows))
        yield from (f"check of the copy: {fault}" for fault in faults(target, of_rows=False))
        shutil.rmtree(target)


def _different(found: dict[str, str], expected: dict[str, str]) -> Iterator[str]:
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            yield f"the warehouse's {name} has changed"


def _report_after_a_kill(study: MiniStudy, former: dict[str, str], new: dict[str, str]) -> Iterator[str]:
    """The files of the report that are missing, or neither those of the former nor of the new one."""
    found = contents(study.folder / "report")
    for name in former:
        if found.get(name) not in (former[name], new.get(name)):
            yield f"the report's {name} was damaged or missing"


def _is_mixed(study: MiniStudy, former: dict[str, str], new: dict[str, str]) -> bool:
    found = contents(study.folder / "report")
    changed = [name for name in former if former[name] != new.get(name) and name != ".made-from"]
    return len({found.get(name) == former[name] for name in changed}) > 1


def _after_the_repetition(stage: Stage, study: MiniStudy, end: State) -> Iterator[str]:
    """What is wrong after the command was repeated to its end."""
    for arguments in (stage.command, stage.then):
        if arguments:
            try:
                _to_the_end(study, arguments)
            except AssertionError as error:
                yield f"the repetition failed: {error}"
                return
    warehouse = _result(stage, study)
    found = _state(stage, study)
    yield from _different(found.warehouse, end.warehouse)
    yield from different_tables(found.rows, end.rows, bit_for_bit=False)
    yield from (f"file left over: {name}" for name in (found.files - end.files).elements())
    yield from (f"file missing: {name}" for name in (end.files - found.files).elements())
    yield from (f"left beside the warehouse: {name}" for name in found.beside - end.beside)
    if found.report != end.report:
        yield "the report differs from an undisturbed one"
    if not stage.writes and not stage.result:
        return
    yield from (f"check: {fault}" for fault in faults(warehouse, of_rows=False))
    if "running" in statuses(warehouse):
        yield "a run is running for ever"
    full = rows(warehouse, all_columns=True)
    lose_the_duckdb_files(warehouse)
    try:
        rebuild(warehouse, "rebuild after the kills")
    except AlignhouseError as error:
        yield f"a rebuild after the loss of the DuckDB files failed: {error}"
        return
    for line in different_tables(rows(warehouse, all_columns=True), full):
        yield f"rebuilt after the loss of the DuckDB files: {line}"
