"""Shared fixtures. Small builders live beside the tests that use them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# As the command line has it: threads that wait spin briefly, so that tests may share the machine.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data that some tests compare with; they skip, saying so, where it is not set."""
    folder = os.environ.get("ALIGNHOUSE_TEST_DATA")
    if not folder:
        pytest.skip("set ALIGNHOUSE_TEST_DATA to the folder of real test data to run this test")
    path = Path(folder)
    assert path.is_dir(), f"ALIGNHOUSE_TEST_DATA names a folder that does not exist: {path}"
    return path
