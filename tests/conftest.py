"""Shared fixtures. Small builders are in the same folder as the tests that use them."""

from __future__ import annotations

import gc
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from long_files import LONG_FILES
from memory_disk import temporary_files_in_memory

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# As on the command line: waiting threads spin only briefly, so that tests can share the machine.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
# Tests run in about one process per core, so each process computes with one thread. numpy and torch read this
# when they are loaded, here and in the processes that tests start.
if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data for some tests; they are skipped with a message if it is not set."""
    folder = os.environ.get("ALIGNHOUSE_TEST_DATA")
    if not folder:
        pytest.skip("set ALIGNHOUSE_TEST_DATA to the folder of real test data to run this test")
    path = Path(folder)
    assert path.is_dir(), f"ALIGNHOUSE_TEST_DATA names a folder that does not exist: {path}"
    return path


CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
NO_CHROMIUM = (
    "no Chromium was found, so the report was not tried in a browser; "
    "install one (Debian: apt-get install chromium), or name it in ALIGNHOUSE_CHROMIUM"
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's headless Chromium; tests are skipped with a clear message if it is missing."""
    found = os.environ.get("ALIGNHOUSE_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        warnings.warn(NO_CHROMIUM, stacklevel=1)
        pytest.skip(NO_CHROMIUM)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        yield browser
        browser.close()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Put temporary files in memory, unless slow tests run, whose files are large."""
    if "not slow" in config.option.markexpr:
        temporary_files_in_memory()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process more than cores for `-n auto`: tests also wait, for the disk and for what they kill."""
    # Not at the top: numpy must be loaded after the numbers of threads are set.
    from alignhouse.warehouse.cores import cores

    return cores() + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the long files to the front; `make test` keeps this order when it hands out files."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect no garbage while the tests are imported, which makes little of it and takes a tenth longer."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Leave out what is loaded by now when garbage is collected, as after each network: it stays anyway."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """List the tests without a browser at the very end, because a skipped test has not passed."""
    yield
    skipped = [
        each for each in terminalreporter.stats.get("skipped", []) if NO_CHROMIUM in str(each.longrepr)
    ]
    if skipped:
        terminalreporter.write_sep("!", f"{len(skipped)} tests skipped: no browser", yellow=True, bold=True)
        terminalreporter.write_line(NO_CHROMIUM, yellow=True)


def pytest_unconfigure() -> None:
    """Collect at the end what was left out: otherwise DuckDB reports its objects as leaked."""
    gc.unfreeze()
