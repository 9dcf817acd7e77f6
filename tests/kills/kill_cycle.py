"""Kills a command, repeats it to the end, and compares everything with an undisturbed study."""

from __future__ import annotations

import itertools
import random
import shutil
from collections import Counter
from dataclasses import dataclass, field

from kill_checks import (
    State,
    after_a_kill,
    after_the_repetition,
    changed_while_open,
    is_mixed,
    open_snapshot_of,
    result_of,
    state_of,
)
from kill_processes import Command
from kill_stages import REPORT, Stage
from kill_starts import Starts, to_the_end
from kill_states import different_tables, faults
from kill_steps import Step, landed, place_of, steps_of
from mini_study import MiniStudy

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
class Undisturbed:
    """The end of a stage without a kill; the seconds that its command took, and its steps."""

    end: State
    seconds: float
    steps: list[str]


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
        """Rare steps are as likely as frequent ones; so are places with few kinds of steps."""
        at_steps = kills - kills // 2 if steps else 0
        at_times = kills - at_steps
        moments: list[Moment] = [(number + self.chance.random()) / at_times for number in range(at_times)]
        times = Counter(steps)
        of_place: dict[str, list[str]] = {}
        for kind in sorted(times):
            of_place.setdefault(place_of(kind), []).append(kind)
        for kinds in of_place.values():
            self.chance.shuffle(kinds)
        places = itertools.cycle([itertools.cycle(kinds) for kinds in of_place.values()])
        for kind in map(next, itertools.islice(places, at_steps)):
            delay = self.chance.choice((0.0, self.chance.uniform(0, MOST_DELAY)))
            moments.append(Step(kind, self.chance.randint(1, times[kind]), delay))
        self.chance.shuffle(moments)
        return moments

    def _undisturbed(self) -> Undisturbed:
        stage, study = self.stage, self._start()
        seconds = to_the_end(study, stage.command)
        steps = steps_of(study.folder)
        if stage.then:
            to_the_end(study, stage.then)
        assert faults(result_of(stage, study)) == []
        end = state_of(stage, study)
        shutil.rmtree(study.folder)
        return Undisturbed(end, seconds, steps)

    def _start(self) -> MiniStudy:
        study = self.starts.copied(self.stage.start)
        self.stage.change(study, self.chance)
        open_snapshot_of(study)
        return study

    def _cycle(self, undisturbed: Undisturbed, moments: list[Moment], count: Count) -> list[str]:
        """Kill at each of these moments, repeat to the end; returns what is wrong."""
        stage, study = self.stage, self._start()
        start = state_of(stage, study, at_end=False)
        wrong = []
        is_fresh = True
        for moment in moments:
            while not _killed(study, stage, moment, undisturbed.seconds):
                # It ended before: the next one starts from the beginning and is killed a little earlier.
                moment = self._earlier(moment) if is_fresh or isinstance(moment, float) else moment
                shutil.rmtree(study.folder)
                study, is_fresh = self._start(), True
                start = state_of(stage, study, at_end=False)
            is_fresh = False
            count.kills += 1
            place = landed(study.folder)
            count.landed[place] += 1
            found = list(after_a_kill(stage, study, start, undisturbed.end))
            wrong += [f"killed at {_words(moment)}, {place}: {each}" for each in found]
            if stage.command == REPORT:
                count.mixed += is_mixed(study, start.report, undisturbed.end.report)
        wrong += after_the_repetition(stage, study, undisturbed.end)
        wrong += changed_while_open(study, start)
        if not wrong:
            ended = state_of(stage, study)
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
