"""Packages of the extra `networks` that have wheels for one platform only: decord and mmaction2.

pyproject.toml asks for them only there. Importing this module loads none of them.
"""

from __future__ import annotations

import importlib.util
import platform
import sys

# Distribution -> module.
ON_LINUX_X86_64 = {"decord": "decord", "mmaction2": "mmaction"}
_SYSTEMS = {"darwin": "macOS", "win32": "Windows"}


def is_installed(package: str) -> bool:
    """Whether a package of `ON_LINUX_X86_64` is there."""
    try:
        return importlib.util.find_spec(ON_LINUX_X86_64[package]) is not None
    except ValueError:  # its entry in sys.modules is None
        return False


def this_platform() -> str:
    """System and processor, such as "macOS arm64" or "Linux x86_64"."""
    system = _SYSTEMS.get(sys.platform, platform.system())
    return f"{system} {platform.machine()}"


def has_wheels_here() -> bool:
    """Whether this is the platform of `ON_LINUX_X86_64`, as the markers of pyproject.toml say."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def how_to_get(package: str) -> str:
    """What to do about a missing package of `ON_LINUX_X86_64`, for hints."""
    if has_wheels_here():
        return "pip install 'alignhouse[networks]'"
    return f"{package} has wheels for Linux x86_64 only, and this is {this_platform()}"
