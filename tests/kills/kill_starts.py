"""The finished studies that killed commands start from."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from functools import cached_property
from pathlib import Path

from kill_processes import Command
from kill_stages import REPORT, other_study
from mini_study import RUN, MiniStudy, mini_study


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
        to_the_end(study, RUN)
        return study

    @cached_property
    def _two(self) -> MiniStudy:
        """The second study replaced rows of the first."""
        study = self._copy(self._one, "two")
        other_study(study)
        to_the_end(study, RUN)
        return study

    @cached_property
    def _reported(self) -> MiniStudy:
        """Two studies beside the report of the first."""
        study = self._copy(self._two, "reported")
        to_the_end(self._one, REPORT)
        (self._one.folder / "report").rename(study.folder / "report")
        return study

    def _copy(self, study: MiniStudy, name: str) -> MiniStudy:
        return MiniStudy(Path(shutil.copytree(study.folder, self.folder / name)))


def to_the_end(study: MiniStudy, arguments: tuple[str, ...]) -> float:
    """Run a command; returns its seconds."""
    command = Command(study.folder, arguments)
    if code := command.wait():
        raise AssertionError(f"{' '.join(arguments)} ended with {code}: {command.said.read_text()}")
    return time.monotonic() - command.started
