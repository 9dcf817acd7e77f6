"""The automatic rule for layers: the innermost modules that are not inside a numbered block."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_INSIDE_A_NUMBERED_BLOCK = re.compile(r"\d\.")


def automatic_layers(module: torch.nn.Module) -> list[str]:
    """Names of modules in the network's order.

    Names with "a digit and then a dot" are left out; then each name whose successor is one of its children.
    """
    names = [name for name, _ in module.named_modules() if name]
    outer = [name for name in names if not _INSIDE_A_NUMBERED_BLOCK.search(name)]
    following = [*outer[1:], ""]
    return [name for name, after in zip(outer, following, strict=True) if not after.startswith(f"{name}.")]


def numbered_block(name: str) -> str:
    """The numbered block that a module is in: "blocks.0" for "blocks.0.attn"; "" if it is in none."""
    found = _INSIDE_A_NUMBERED_BLOCK.search(name)
    return name[: found.end() - 1] if found else ""
