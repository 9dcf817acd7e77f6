"""Kills a command, repeats it to the end, and compares everything with an undisturbed study."""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from kill_processes import Command
from kill_states import (
    Rows,
    contents,
    different_tables,
    faults,
    files,
    lose_the_duckdb_files,
    rows,
    statuses,
)
from mini_study import RUN, MiniStudy, mini_study

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.errors import AlignhouseError
from alignhouse.warehouse.reader import SNAPSHOT
from alignhouse.warehouse.rebuild import rebuild

# So many times in a row, at most, the same command is killed before it may run to its end.
MOST_IN_A_ROW = 3
REPORT = ("report", "report", "--group-by", "model_type")


@dataclass(frozen=True)
class Stage:
    """A command to kill.

    start : the finished study that it starts from. change : done to a copy of it.
    then : a command that brings the study to the same end as an undisturbed one.
    keeps_rows : whether readers see the rows of an undisturbed study at any moment of the command.
    """

    name: str
    command: tuple[str, ...]
    start: str
    change: Callable[[MiniStudy, random.Random], None] = lambda study, chance: None
    then: tuple[str, ...] | None = None
    keeps_rows: bool = True


def _other_study(study: MiniStudy, chance: random.Random) -> None:
    study.change("permutations = 50", "permutations = 60")


def _lose(study: MiniStudy, chance: random.Random) -> None:
    lose_the_duckdb_files(study.warehouse)


def _damage(study: MiniStudy, chance: random.Random) -> None:
    damaged = chance.choice(sorted(study.warehouse.rglob("*.parquet")))
    content = bytearray(damaged.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    damaged.write_bytes(content)


STAGES = (
    Stage("run, new warehouse", RUN, "nothing", keeps_rows=False),
    Stage("run, other settings", RUN, "one study", _other_study, keeps_rows=False),
    Stage("report", REPORT, "two studies"),
    Stage("rebuild", ("rebuild",), "two studies"),
    Stage("rebuild, no DuckDB file", ("rebuild",), "two studies", _lose),
    Stage("rebuild --skip-damaged", ("rebuild", "--skip-damaged"), "one study", _damage, RUN, False),
    Stage("check", ("check",), "two studies"),
)


@dataclass
class Count:
    """What happened to one stage: numbers of kills, of commands that were repeated to their end, and of ends
    with the rows and files of an undisturbed study; and everything that was wrong.

    bit_for_bit : the equal ends without a difference in the last bits of resampled values.
    mixed : kills after which the report had files of the former and of the new one.
    """

    kills: int = 0
    repeated: int = 0
    equal: int = 0
    bit_for_bit: int = 0
    mixed: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Undisturbed:
    """The end of a stage without a kill, and the seconds that its command took."""

    seconds: float
    rows: Rows
    files: Counter[str]
    report: dict[str, str]


class Kills:
    """Kills the commands of stages at moments that are spread evenly over the time that they take.

    folder : an empty folder for all studies.
    """

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self._made = 0
        self._undisturbed: dict[str, Undisturbed] = {}

    def kill(self, stage: Stage, kills: int) -> Count:
        """Kill `stage` so many times."""
        count = Count()
        undisturbed = self._end_of(stage)
        moments = [(number + self.chance.random()) / kills for number in range(kills)]
        self.chance.shuffle(moments)
        while moments:
            in_a_row = self.chance.randint(1, MOST_IN_A_ROW)
            wrong = self._cycle(stage, undisturbed, moments[:in_a_row], count)
            del moments[:in_a_row]
            count.repeated += 1
            count.equal += not wrong
            count.wrong += wrong
        return count

    @cached_property
    def _finished(self) -> dict[str, MiniStudy]:
        """Studies to start from: nothing; one study; and two, where the second replaced rows of the first.

        The report beside the two studies is that of the first.
        """
        nothing = mini_study(self.folder / "nothing")
        nothing.change('protocols = ["sound", "paper"]', 'protocols = ["sound"]\nbootstraps = 20')
        nothing.change('regions = ["V1", "EBA"]', 'regions = ["V1"]')
        one = self._copy(nothing, "one")
        _to_the_end(one, RUN)
        two = self._copy(one, "two")
        _to_the_end(two, REPORT)
        _other_study(two, self.chance)
        _to_the_end(two, RUN)
        return {"nothing": nothing, "one study": one, "two studies": two}

    def _end_of(self, stage: Stage) -> Undisturbed:
        if stage.name not in self._undisturbed:
            study = self._start(stage)
            seconds = _to_the_end(study, stage.command)
            if stage.then:
                _to_the_end(study, stage.then)
            assert faults(study.warehouse) == []
            self._undisturbed[stage.name] = Undisturbed(
                seconds, rows(study.warehouse), files(study.warehouse), contents(study.folder / "report")
            )
            self._remove(study)
        return self._undisturbed[stage.name]

    def _cycle(self, stage: Stage, undisturbed: Undisturbed, moments: list[float], count: Count) -> list[str]:
        """Kill at each of these moments, repeat to the end; returns what is wrong."""
        study = self._start(stage)
        former = contents(study.folder / "report")
        had_snapshot = (study.warehouse / SNAPSHOT).exists()
        wrong = []
        for moment in moments:
            while not Command(study.folder, stage.command).kill_after(moment * undisturbed.seconds):
                # It ended before: the next one starts from the beginning and is killed a little earlier.
                self._remove(study)
                study, moment = self._start(stage), 0.8 * moment
            count.kills += 1
            wrong += _after_a_kill(stage, study, undisturbed, had_snapshot=had_snapshot)
            if stage.command == REPORT:
                found = _report_after_a_kill(study, former, undisturbed.report)
                wrong += found
                count.mixed += bool(found) or _is_mixed(study, former, undisturbed.report)
        wrong += _after_the_repetition(stage, study, undisturbed)
        if not wrong:
            count.bit_for_bit += not different_tables(rows(study.warehouse), undisturbed.rows)
        # A study with a fault stays, so that it can be looked at.
        if not wrong:
            self._remove(study)
        return [f"{stage.name}, {study.folder}: {each}" for each in wrong]

    def _start(self, stage: Stage) -> MiniStudy:
        self._made += 1
        study = self._copy(self._finished[stage.start], f"study-{self._made}")
        stage.change(study, self.chance)
        return study

    def _copy(self, study: MiniStudy, name: str) -> MiniStudy:
        return MiniStudy(Path(shutil.copytree(study.folder, self.folder / name)))

    def _remove(self, study: MiniStudy) -> None:
        shutil.rmtree(study.folder)


def _to_the_end(study: MiniStudy, arguments: tuple[str, ...]) -> float:
    """Run a command; returns its seconds."""
    command = Command(study.folder, arguments)
    if code := command.wait():
        raise AssertionError(f"{' '.join(arguments)} ended with {code}: {command.said.read_text()}")
    return time.monotonic() - command.started


def _after_a_kill(
    stage: Stage, study: MiniStudy, undisturbed: Undisturbed, *, had_snapshot: bool
) -> Iterator[str]:
    """What readers find wrong directly after a kill."""
    if not (study.warehouse / SNAPSHOT).exists():
        if had_snapshot:
            yield "after the kill there was no snapshot"
        return
    with Warehouse.open(study.warehouse) as opened:
        opened.ask("best_layer").fetchall()
    if stage.keeps_rows:
        yield from different_tables(rows(study.warehouse), undisturbed.rows)
    if not stage.then:
        yield from (f"check after the kill: {fault}" for fault in faults(study.warehouse))


def _report_after_a_kill(study: MiniStudy, former: dict[str, str], new: dict[str, str]) -> list[str]:
    """The files of the report that are missing, or neither those of the former nor of the new one."""
    found = contents(study.folder / "report")
    return [
        f"after the kill the report's {name} was damaged or missing"
        for name in former
        if found.get(name) not in (former[name], new.get(name))
    ]


def _is_mixed(study: MiniStudy, former: dict[str, str], new: dict[str, str]) -> bool:
    found = contents(study.folder / "report")
    changed = [name for name in former if former[name] != new.get(name) and name != ".made-from"]
    return len({found[name] == former[name] for name in changed}) > 1


def _after_the_repetition(stage: Stage, study: MiniStudy, undisturbed: Undisturbed) -> Iterator[str]:
    """What is wrong after the command was repeated to its end."""
    for arguments in (stage.command, stage.then):
        if arguments:
            try:
                _to_the_end(study, arguments)
            except AssertionError as error:
                yield f"the repetition failed: {error}"
                return
    yield from different_tables(rows(study.warehouse), undisturbed.rows, bit_for_bit=False)
    yield from (f"check: {fault}" for fault in faults(study.warehouse))
    if "running" in statuses(study.warehouse):
        yield "a run is running for ever"
    left = files(study.warehouse)
    yield from (f"file left over: {name}" for name in (left - undisturbed.files).elements())
    yield from (f"file missing: {name}" for name in (undisturbed.files - left).elements())
    if contents(study.folder / "report") != undisturbed.report:
        yield "the report differs from an undisturbed one"
    full = rows(study.warehouse, all_columns=True)
    lose_the_duckdb_files(study.warehouse)
    try:
        rebuild(study.warehouse, "rebuild after the kills")
    except AlignhouseError as error:
        yield f"a rebuild after the loss of the DuckDB files failed: {error}"
        return
    for line in different_tables(rows(study.warehouse, all_columns=True), full):
        yield f"rebuilt after the loss of the DuckDB files: {line}"
