"""Lets one test import a module anew, without leaving the new module to the tests after it."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest


def import_anew(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Unload a module for one test. Afterwards it is as before: the earlier module, or not loaded at all.

    `monkeypatch.delitem` alone restores nothing if the module was not loaded, so what the test imports under
    this name would stay.
    """
    monkeypatch.setitem(sys.modules, name, ModuleType(name))
    del sys.modules[name]
