"""Replacement modules are used only if a package is incomplete."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from alignhouse.ingest.models.sources import compat_mmaction, compat_torchvision
from alignhouse.warehouse.errors import BadInput

RECORD_FAILED_IMPORTS = """
import importlib
from alignhouse.ingest.models.sources import compat_torchvision as compat
plain, failed = importlib.import_module, []
def recorded(name, package=None):
    try:
        return plain(name, package)
    except RuntimeError:
        failed.append(name)
        raise
importlib.import_module = recorded
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)


def test_torchvision_loads_and_operators_are_declared_only_where_its_import_fails() -> None:
    done = run(
        RECORD_FAILED_IMPORTS
        + "compat.load_torchvision().models.alexnet; print(len(compat._declared), failed)"
    )
    assert done.stdout.strip() in ("0 []", "1 ['torchvision']"), done.stderr


def test_a_torchvision_that_imports_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ModuleType("torchvision")
    monkeypatch.setattr(compat_torchvision, "_declared", [])
    monkeypatch.setattr(importlib, "import_module", lambda name: whole)
    assert compat_torchvision.load_torchvision() is whole
    assert not compat_torchvision._declared


def test_another_failure_of_torchvision_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> ModuleType:
        raise RuntimeError("the library is damaged")

    monkeypatch.setattr(compat_torchvision, "_declared", [])
    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(RuntimeError, match="damaged"):
        compat_torchvision.load_torchvision()
    assert not compat_torchvision._declared


def test_mmaction_loads_quietly_also_beside_a_transformers_that_it_does_not_know(tmp_path: Path) -> None:
    newer = tmp_path / "transformers-5.1.dist-info"
    newer.mkdir()
    (newer / "METADATA").write_text("Metadata-Version: 2.1\nName: transformers\nVersion: 5.1\n")
    (tmp_path / "transformers.py").write_text("")
    done = run(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        "from alignhouse.ingest.models.sources.compat_mmaction import load_mmaction; load_mmaction(); "
        "import mmaction.models.recognizers"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr == ""


def test_the_localizer_is_replaced_only_if_the_wheel_lacks_it(tmp_path: Path) -> None:
    folder = compat_mmaction.package_folder()
    lacking = not (folder / "models" / "localizers" / "drn").is_dir()
    compat_mmaction.load_mmaction()
    from mmaction.models.localizers import DRN

    assert (DRN is compat_mmaction.DRN) == lacking


def test_a_complete_wheel_gets_no_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "localizers" / "drn").mkdir(parents=True)
    for name in ("mmaction.models.localizers.drn", "mmaction.models.localizers.drn.drn"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    compat_mmaction.stand_in_for_missing_parts(tmp_path)
    assert "mmaction.models.localizers.drn" not in sys.modules
    (tmp_path / "models" / "localizers" / "drn").rmdir()
    compat_mmaction.stand_in_for_missing_parts(tmp_path)
    assert sys.modules["mmaction.models.localizers.drn.drn"].DRN is compat_mmaction.DRN


def test_the_stand_in_refuses_to_be_used() -> None:
    with pytest.raises(BadInput, match="localizer DRN"):
        compat_mmaction.DRN(vocab_size=3)


def test_a_missing_mmaction_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="pip install"):
        compat_mmaction.package_folder()
