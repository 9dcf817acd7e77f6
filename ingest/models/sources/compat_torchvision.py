"""Imports torchvision, even if its compiled operators cannot be loaded.

Importing a CUDA build of torchvision 0.28 next to a CPU build of torch fails: it registers shape functions
for `torchvision::nms`, although the library that defines the operator was not loaded. The study's networks
use none of these operators, so declaring their schemas is enough. Calling one still fails.
"""

from __future__ import annotations

import importlib
from typing import Any

_MISSING = "operator torchvision::nms does not exist"
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# Declarations live only as long as their Library object.
_declared: list[Any] = []


def load_torchvision() -> Any:
    """The torchvision package. If its import fails because of missing operators, they are declared first."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if _MISSING not in str(error) or _declared:
            raise
    _declare_operators()
    return importlib.import_module("torchvision")


def _declare_operators() -> None:
    from torch import library

    operators = library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        operators.define(schema)
    _declared.append(operators)
