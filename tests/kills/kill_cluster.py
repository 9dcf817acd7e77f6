"""Kills workers, the scheduler and the coordinator of a study that runs on a Dask scheduler, in turn.

After each kill the study is run to its end in one process, and all is compared with an undisturbed study.
"""

from __future__ import annotations

import itertools
import random
import shutil
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from dask_cluster import DaskCluster
from kill_checks import State, after_the_repetition, state_of
from kill_processes import Command
from kill_stages import Stage
from kill_starts import Starts, to_the_end
from mini_study import RUN, MiniStudy

TARGETS = ("worker", "scheduler", "coordinator")
WORKERS = 2
STAGE = Stage("run on a cluster", RUN, "nothing", readers_see="any")


@dataclass
class ClusterCount:
    """What happened: kills by target, ends equal to an undisturbed study, and everything that was wrong.

    finished : commands that came to their end although something was killed.
    """

    kills: Counter[str] = field(default_factory=Counter)
    finished: Counter[str] = field(default_factory=Counter)
    equal: int = 0
    wrong: list[str] = field(default_factory=list)


class ClusterKills:
    """One cluster for all kills; what was killed is started again.

    folder : for the cluster's logs.
    """

    def __init__(self, starts: Starts, folder: Path, seed: int = 0) -> None:
        self.starts, self.folder = starts, folder
        self.chance = random.Random(f"cluster {seed}")
        self._numbers = itertools.count(1)
        self._cluster: DaskCluster | None = None

    def kill(self, kills: int) -> ClusterCount:
        """Kill so many times, each target in turn."""
        count = ClusterCount()
        undisturbed, seconds = self._undisturbed()
        targets = itertools.cycle(TARGETS)
        try:
            while count.kills.total() < kills:
                self._cycle(next(targets), undisturbed, seconds, count)
        finally:
            self._end()
        return count

    def _undisturbed(self) -> tuple[State, float]:
        study = self.starts.copied(STAGE.start)
        to_the_end(study, RUN)
        end = state_of(STAGE, study)
        shutil.rmtree(study.folder)
        # The time that it takes on the cluster, for the moments of the kills.
        study = self.starts.copied(STAGE.start)
        seconds = to_the_end(study, (*RUN, "--scheduler", self._running().address))
        shutil.rmtree(study.folder)
        return end, seconds

    def _running(self) -> DaskCluster:
        """The cluster, with everything that it needs."""
        if self._cluster is not None and self._cluster.scheduler.poll() is not None:
            self._end()
        if self._cluster is None:
            self._cluster = DaskCluster(self.folder / f"cluster-{next(self._numbers)}")
        self._cluster.workers[:] = [each for each in self._cluster.workers if each.poll() is None]
        while len(self._cluster.workers) < WORKERS:
            self._cluster.add_worker()
        return self._cluster

    def _end(self) -> None:
        if self._cluster is not None:
            self._cluster.end()
            self._cluster = None

    def _cycle(self, target: str, end: State, seconds: float, count: ClusterCount) -> None:
        cluster, study = self._running(), self.starts.copied(STAGE.start)
        moment = self.chance.random()
        command = Command(study.folder, (*RUN, "--scheduler", cluster.address))
        time.sleep(moment * seconds)
        was_running = command.process.exitcode is None
        if target == "coordinator":
            command.kill_after(0)
        else:
            killed = cluster.scheduler if target == "scheduler" else self.chance.choice(cluster.workers)
            killed.kill()
            killed.wait()
        code = command.wait()
        if not was_running:
            shutil.rmtree(study.folder)
            return
        count.kills[target] += 1
        count.finished[target] += code == 0
        wrong = list(self._ended(target, code, study, command))
        # The row of a run that came to its end has its command, with the scheduler's address.
        wrong += [each for each in after_the_repetition(STAGE, study, end) if each != "table run differs"]
        count.wrong += [f"{target} killed at {moment:.3f}, {study.folder}: {each}" for each in wrong]
        count.equal += not wrong
        number, equal = count.kills.total(), "; ".join(wrong) or "equal"
        print(f"kill {number}, {target} at {moment:.2f}: {equal}", file=sys.stderr, flush=True)
        if not wrong:
            shutil.rmtree(study.folder)

    def _ended(self, target: str, code: int, study: MiniStudy, command: Command) -> list[str]:
        """What is wrong with how the command ended."""
        said = command.said.read_text(encoding="utf-8") if command.said.exists() else ""
        lines = [line for line in said.splitlines() if line.startswith("alignhouse:")]
        if target == "worker":
            return [] if code == 0 else [f"a run that lost a worker ended with {code}: {said[-500:]}"]
        if target == "scheduler":
            ok = code == 0 or (code in (1, 2) and len(lines) == 1 and "Traceback" not in said)
            return [] if ok else [f"a run that lost its scheduler ended with {code}: {said[-500:]}"]
        return [] if code in (0, -signal.SIGKILL) else [f"it ended with {code} instead of a kill"]
