"""Replacement modules are used only if a package is incomplete."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from loaded_modules import import_anew

from alignhouse.ingest.models.sources import compat_mmaction, compat_torchvision
from alignhouse.warehouse.errors import BadInput

# Imports torchvision in a file of the user, whose function imports more of it when it is called.
USERS_FILE = """
import torchvision
from torch import nn

def give():
    from torchvision.transforms import functional
    return nn.Linear(3, 3), functional.pil_to_tensor, "mine"
"""
USERS_NETWORK = """
import sys
from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.sources import compat_torchvision
{before}
assert "torchvision" not in sys.modules, "nothing imports it before the user does"
network = network_of("mine", OwnNetwork(source="function", id="users_file:give", folder={folder!r}))
print(type(build(network, weights="pretrained")).__name__, sys.modules["torchvision"].__spec__.name)
"""
# Continues in the same process, which has the seconds for loading torch and torchvision behind it.
WITHOUT_COMPILER = """
assert "torch._dynamo" not in sys.modules, "it takes seconds in every process"
from torchvision.ops.roi_align import is_compile_supported
assert is_compile_supported is compat_torchvision._is_compile_supported
print("no compiler")
"""
# Another version of transformers is in front of sys.path.
MMACTION = """
sys.path.insert(0, {folder!r})
from alignhouse.ingest.models.sources.compat_mmaction import load_mmaction
load_mmaction()
import mmaction.models.recognizers
assert "transformers" not in sys.modules
import transformers
print("mmaction beside transformers", transformers.version)
"""
# torch's compiler is not loaded with torchvision, and is whole when something else asks for it.
COMPILER = """
import sys
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
load_torchvision()
assert "torch._dynamo" not in sys.modules, "it takes seconds in every process"
from torchvision.ops.roi_align import is_compile_supported
said = is_compile_supported("cpu")
import torch._dynamo.utils
assert torch._dynamo.utils.is_compile_supported("cpu") is said
assert torch._dynamo.is_compiling() is False
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)


def users_network(folder: Path, before: str = "", after: str = "") -> subprocess.CompletedProcess[str]:
    (folder / "users_file.py").write_text(USERS_FILE)
    return run(USERS_NETWORK.format(folder=str(folder), before=before) + after)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """One process, in which a user's file imports torchvision, and then mmaction is loaded."""
    folder, newer = tmp_path_factory.mktemp("user"), tmp_path_factory.mktemp("newer")
    (newer / "transformers-5.1.dist-info").mkdir()
    (newer / "transformers-5.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: transformers\nVersion: 5.1\n"
    )
    (newer / "transformers.py").write_text("version = 5.1\n")
    return users_network(folder, after=WITHOUT_COMPILER + MMACTION.format(folder=str(newer)))


def test_a_users_file_may_import_torchvision(loaded: subprocess.CompletedProcess[str]) -> None:
    assert "Linear torchvision" in loaded.stdout.splitlines(), loaded.stderr


def test_torchvision_loads_without_torchs_compiler(loaded: subprocess.CompletedProcess[str]) -> None:
    assert "no compiler" in loaded.stdout.splitlines(), loaded.stderr


def test_mmaction_loads_quietly_also_beside_a_transformers_that_it_does_not_know(
    loaded: subprocess.CompletedProcess[str],
) -> None:
    assert loaded.returncode == 0, loaded.stderr
    assert loaded.stdout.splitlines()[2:] == ["mmaction beside transformers 5.1"]
    assert loaded.stderr == ""


def test_torchvision_asks_the_compiler_that_is_loaded_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up compiler; the next test loads the real one."""
    utilities = ModuleType("torch._dynamo.utils")
    utilities.is_compile_supported = lambda device: f"asked for {device}"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch._dynamo", ModuleType("torch._dynamo"))
    monkeypatch.setitem(sys.modules, "torch._dynamo.utils", utilities)
    assert compat_torchvision._is_compile_supported("cpu") == "asked for cpu"


@pytest.mark.slow
def test_torchs_compiler_is_whole_if_it_is_loaded_after_torchvision() -> None:
    done = run(COMPILER)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_without_the_declared_operators_a_users_file_may_only_import_a_torchvision_that_fits(
    tmp_path: Path,
) -> None:
    plainly = run("import torchvision")
    done = users_network(tmp_path, "compat_torchvision._declare_operators = lambda: None")
    assert (done.returncode == 0) == (plainly.returncode == 0), done.stderr
    assert done.returncode == 0 or compat_torchvision._MISSING in done.stderr


def package(folder: Path, name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up package in front of sys.path, in place of a loaded one."""
    (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    import_anew(monkeypatch, name)
    monkeypatch.setattr(compat_torchvision, "_declared", [])


def test_a_torchvision_that_imports_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "torchvision", "whole = True\n", monkeypatch)
    assert compat_torchvision.load_torchvision().whole
    assert not compat_torchvision._declared


def test_operators_are_declared_only_for_the_import_that_lacks_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared: list[Any] = []
    monkeypatch.setattr(compat_torchvision, "_declare_operators", lambda: declared.append("all"))
    missing = f"import sys\nif not sys.declared:\n    raise RuntimeError({compat_torchvision._MISSING!r})\n"
    package(tmp_path, "torchvision", missing, monkeypatch)
    monkeypatch.setattr(sys, "declared", declared, raising=False)
    assert compat_torchvision.load_torchvision().__name__ == "torchvision"
    assert declared == ["all"]


@pytest.mark.parametrize("loaded_before", [True, False])
def test_a_made_up_package_is_gone_after_its_test(
    loaded_before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = ModuleType("made_up")
    if loaded_before:
        monkeypatch.setitem(sys.modules, "made_up", original)
    with monkeypatch.context() as one_test:
        package(tmp_path, "made_up", "whole = True\n", one_test)
        assert importlib.import_module("made_up").whole
    assert sys.modules.get("made_up") is (original if loaded_before else None)


def test_another_failure_of_torchvision_is_not_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, "torchvision", "raise RuntimeError('the library is damaged')\n", monkeypatch)
    with pytest.raises(RuntimeError, match="damaged"):
        compat_torchvision.load_torchvision()
    assert not compat_torchvision._declared


def test_the_localizer_is_replaced_only_if_the_wheel_lacks_it(tmp_path: Path) -> None:
    folder = compat_mmaction.package_folder()
    lacking = not (folder / "models" / "localizers" / "drn").is_dir()
    compat_mmaction.load_mmaction()
    from mmaction.models.localizers import DRN

    assert (DRN is compat_mmaction.DRN) == lacking


def test_a_complete_wheel_gets_no_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "localizers" / "drn").mkdir(parents=True)
    for name in ("mmaction.models.localizers.drn", "mmaction.models.localizers.drn.drn"):
        import_anew(monkeypatch, name)
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
