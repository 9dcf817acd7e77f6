"""requirements.lock: complete, equal to constraints.txt, with a hash for every pin, and used by `make`."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)==(?P<version>[0-9][0-9a-z.]*) \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?P<more> \\)?")
LOCKED_EXTRAS = ("networks", "download", "test")


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def locked_lines() -> list[str]:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()


def locked() -> dict[str, str]:
    matches = [PIN.fullmatch(line) for line in locked_lines()]
    return {match["name"]: match["version"] for match in matches if match}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


def requirements() -> list[Requirement]:
    """What the package, the locked extras and the build need."""
    declared = pyproject()
    project = declared["project"]
    named = [*declared["build-system"]["requires"], *project["dependencies"]]
    for extra in LOCKED_EXTRAS:
        named += project["optional-dependencies"][extra]
    return [Requirement(each) for each in named]


def declared_for_torch() -> list[Requirement]:
    [torch] = pyproject()["tool"]["uv"]["dependency-metadata"]
    return [Requirement(each) for each in torch["requires-dist"]]


def applying(named: Iterable[str], extras: Iterable[str]) -> list[Requirement]:
    """The requirements of a distribution that apply on this machine, with these of its extras."""
    found = [Requirement(each) for each in named]
    environments = [{"extra": extra} for extra in ("", *extras)]
    return [each for each in found if not each.marker or any(map(each.marker.evaluate, environments))]


def needed() -> set[str]:
    """The names that the requirements lead to, by the metadata of what is installed."""
    seen: set[tuple[str, str]] = set()
    waiting = requirements()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        of_extras = {(name, extra) for extra in ("", *requirement.extras)}
        if of_extras <= seen:
            continue
        seen |= of_extras
        if name == "torch":
            waiting += declared_for_torch()
        else:
            waiting += applying(distribution(name).requires or [], requirement.extras)
    return {name for name, _ in seen}


def test_every_requirement_has_a_pin_that_satisfies_it() -> None:
    pins = locked() | {"torch": constraints()["torch"]}
    unsatisfied = [
        str(each)
        for each in [*requirements(), *declared_for_torch()]
        if not each.specifier.contains(pins.get(canonicalize_name(each.name), "0"))
    ]
    assert unsatisfied == [], "run: make lock"


def test_the_lock_holds_what_is_needed_and_nothing_else() -> None:
    assert {*locked(), "torch"} == needed(), "run: make lock"


def test_the_lock_and_the_constraints_name_the_same_versions() -> None:
    allowed = constraints()
    assert "torch" in allowed
    assert {name: (version, allowed.get(name)) for name, version in locked().items()} == {
        name: (version, version) for name, version in locked().items()
    }


def test_all_extras_are_constrained() -> None:
    extras = pyproject()["project"]["optional-dependencies"]
    named = [Requirement(each) for of_extra in extras.values() for each in of_extra]
    pins = constraints()
    assert [
        str(each) for each in named if not each.specifier.contains(pins[canonicalize_name(each.name)])
    ] == []


def test_the_lock_holds_pins_with_hashes_and_no_address_or_path() -> None:
    hashes_of: dict[str, int] = {}
    name, expects_hash = "", False
    for number, line in enumerate(locked_lines(), 1):
        if match := HASH.fullmatch(line):
            assert expects_hash, f"line {number}: {line}"
            hashes_of[name] += 1
            expects_hash = bool(match["more"])
        elif match := PIN.fullmatch(line):
            assert not expects_hash, f"line {number}: {line}"
            name, expects_hash = match["name"], True
            assert name not in hashes_of, f"line {number}: {name} is pinned twice"
            hashes_of[name] = 0
        else:
            assert not expects_hash, f"line {number}: {line}"
            assert not line or re.fullmatch(r" *# *[^/\\]*", line), f"line {number}: {line}"
    assert not expects_hash
    assert hashes_of.keys() == locked().keys()
    assert all(hashes_of.values())


def test_torch_declares_what_the_lock_takes_for_granted() -> None:
    by_installed = {
        canonicalize_name(each.name) for each in applying(distribution("torch").requires or [], ())
    }
    assert {canonicalize_name(each.name) for each in declared_for_torch()} <= by_installed


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_installs_the_lock_with_hashes_and_no_other_sources() -> None:
    command = ["make", "--dry-run", "--always-make", ".venv/.installed"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [locked_step] = [line for line in shown.splitlines() if "requirements.lock" in line and "pip" in line]
    assert "--require-hashes --only-binary :all: --no-deps --requirement requirements.lock" in locked_step
    assert " --no-deps --no-build-isolation --editable ." in shown
