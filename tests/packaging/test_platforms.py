"""Which packages are asked for on which platform, and that each has a wheel there."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from alignhouse.ingest import optional_packages
from alignhouse.ingest.optional_packages import ON_LINUX_X86_64

ROOT = Path(__file__).parents[2]
ARM = {
    "macOS arm64": ("aarch64-apple-darwin", {"sys_platform": "darwin", "platform_machine": "arm64"}),
    "Linux aarch64": ("aarch64-unknown-linux-gnu", {"sys_platform": "linux", "platform_machine": "aarch64"}),
}
LINUX_X86_64 = ("x86_64-unknown-linux-gnu", {"sys_platform": "linux", "platform_machine": "x86_64"})
PYTHONS = ("3.11", "3.13")
# torch 2.13 has no wheels for older ones.
OLDEST_MACOS = "14.0"


def wanted(*extras: str) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    of_extras = [each for extra in extras for each in project["optional-dependencies"][extra]]
    return [*project["dependencies"], *of_extras]


def applying(named: list[str], environment: dict[str, str]) -> set[str]:
    found = [Requirement(each) for each in named]
    return {each.name for each in found if each.marker is None or each.marker.evaluate(environment)}


def test_what_has_few_wheels_is_asked_for_on_linux_x86_64_only(monkeypatch: pytest.MonkeyPatch) -> None:
    on_linux = applying(wanted("networks"), LINUX_X86_64[1])
    assert set(ON_LINUX_X86_64) <= on_linux
    for name, (_, environment) in {**ARM, "Linux x86_64": LINUX_X86_64}.items():
        monkeypatch.setattr(sys, "platform", environment["sys_platform"])
        monkeypatch.setattr("platform.machine", lambda machine=environment["platform_machine"]: machine)
        asked = applying(wanted("networks"), environment)
        assert optional_packages.has_wheels_here() == (set(ON_LINUX_X86_64) <= asked)
        assert {"av", "timm", "torch", "torchvision"} <= asked
        assert any(each.startswith("mm") or each == "decord" for each in asked) == (name not in ARM)
        assert optional_packages.this_platform() == name


def resolved(named: list[str], platform: str, python: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What uv finds for a platform; it evaluates markers for that platform, and accepts wheels only."""
    (folder / "wanted.in").write_text("\n".join(named), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--no-config", "--quiet", str(folder / "wanted.in")),
        *("--constraint", str(ROOT / "constraints.txt"), "--only-binary", ":all:"),
        *("--python-platform", platform, "--python-version", python, "--no-annotate", "--no-header"),
    ]
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": OLDEST_MACOS}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for requirements. Skips if no package index answers."""
    folder = tmp_path_factory.mktemp("resolved")
    done = resolved(["packaging"], LINUX_X86_64[0], "3.11", folder)
    assert "No module named uv" not in done.stderr
    if done.returncode != 0:
        pytest.skip(f"no package index answers: {done.stderr.strip()[:200]}")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", ARM)
def test_base_and_networks_have_wheels_on_arm(folder: Path, platform: str, python: str) -> None:
    for extras in ((), ("networks",)):
        done = resolved(wanted(*extras), ARM[platform][0], python, folder)
        assert done.returncode == 0, f"{platform}, Python {python}, extras {extras}: {done.stderr}"
        names = {line.split("==")[0] for line in done.stdout.splitlines()}
        assert not any(name.startswith("mm") or name == "decord" for name in names)
        assert {"duckdb", "polars", "pyarrow"} <= names
        assert ({"av", "timm", "torch", "torchvision"} <= names) == bool(extras)


@pytest.mark.slow
@pytest.mark.parametrize("platform", ARM)
def test_a_package_without_a_wheel_on_arm_is_found(folder: Path, platform: str) -> None:
    without_markers = [each.partition(";")[0] for each in wanted("networks")]
    for named in ([*wanted("networks"), "decord>=0.6"], without_markers):
        done = resolved(named, ARM[platform][0], "3.11", folder)
        assert done.returncode != 0
        assert "decord" in done.stderr
        assert "no usable wheels" in done.stderr or "no wheels" in done.stderr
