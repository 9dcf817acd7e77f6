"""`import alignhouse` gives the nouns that people use, and loads each when it is first used."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import alignhouse
from alignhouse.notebook.opened import OpenWarehouse


def test_every_public_name_is_there() -> None:
    for name in alignhouse.__all__:
        found = getattr(alignhouse, name)
        assert inspect.isclass(found) or callable(found), name
        assert found.__doc__, name
    assert set(alignhouse.__all__) <= set(dir(alignhouse))


def test_open_opens_a_warehouse() -> None:
    assert alignhouse.open == OpenWarehouse.open


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'alignhouse' has no attribute 'opne'"):
        alignhouse.opne  # type: ignore[attr-defined]  # noqa: B018


def test_importing_loads_nothing_until_a_name_is_used() -> None:
    code = (
        "import sys, alignhouse\n"
        "print('duckdb' in sys.modules)\n"
        "alignhouse.BadInput\n"
        "print('torch' in sys.modules)\n"
        "alignhouse.Warehouse\n"
        "print('duckdb' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]
