"""The second catalog: `modern.toml` beside this file, whose tables have the keys of a study's own networks.

Importing this module loads no deep-learning library.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

MODERN_FILE = Path(__file__).with_name("modern.toml")
MODERN = "modern"
"""Chooses all networks of the second catalog."""


@cache
def modern() -> Mapping[str, Mapping[str, Any]]:
    """The declaration of each network of the second catalog by name, in its order, not yet checked."""
    return MappingProxyType(tomllib.loads(MODERN_FILE.read_text(encoding="utf-8")))
