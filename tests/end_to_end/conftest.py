"""Fixtures with the miniature study of tests/support."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from made_once import made_once, session_folder
from mini_study import NETWORKS, RUN, WITHOUT_RESAMPLES, MiniStudy, mini_study


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., MiniStudy]:
    """Makes a miniature study in its own folder; without resamples, unless they are asked for."""

    def make(name: str = "study", *, resamples: bool = False) -> MiniStudy:
        made = mini_study(tmp_path / name)
        if not resamples:
            made.change(*WITHOUT_RESAMPLES)
        return made

    return make


@pytest.fixture
def study(make_study: Callable[..., MiniStudy]) -> MiniStudy:
    """A miniature study without resamples."""
    return make_study()


@pytest.fixture
def full_study(make_study: Callable[..., MiniStudy]) -> MiniStudy:
    """A miniature study with all that it can have."""
    return make_study(resamples=True)


@pytest.fixture(scope="session")
def run_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., MiniStudy]:
    """Runs the miniature study once per session for each set of changes.

    All tests share the study: they may only read it, or copy it (`copy_finished`).
    """

    def run(
        *changes: tuple[str, str], arguments: tuple[str, ...] = RUN, networks: tuple[str, ...] = ()
    ) -> MiniStudy:
        """changes : (old, new) text of the study file. networks : names of further networks."""
        asked = hashlib.sha256(repr((changes, arguments, networks)).encode()).hexdigest()[:12]

        def make(folder: Path) -> None:
            study = mini_study(folder)
            for old, new in changes:
                study.change(old, new)
            for seed, name in enumerate(networks, start=len(NETWORKS)):
                study.add_network(name, seed)
            done = study.alignhouse(*arguments)
            assert done.returncode == 0, done.stderr
            study.said.write_text(done.stderr, encoding="utf-8")

        return MiniStudy(made_once(session_folder(tmp_path_factory) / "finished" / asked, make))

    return run


@pytest.fixture
def copy_finished(run_once: Callable[..., MiniStudy], tmp_path: Path) -> Callable[..., MiniStudy]:
    """Copies a finished miniature study for one test; takes the arguments of `run_once`, and a name."""

    def copy(*changes: tuple[str, str], name: str = "finished", **options: tuple[str, ...]) -> MiniStudy:
        done = run_once(*changes, **options)
        return MiniStudy(Path(shutil.copytree(done.folder, tmp_path / name)))

    return copy


@pytest.fixture
def finished(copy_finished: Callable[..., MiniStudy]) -> MiniStudy:
    """A copy of the miniature study after a run without a report."""
    return copy_finished()
