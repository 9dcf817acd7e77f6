"""Imports torchvision, also where its compiled operators do not load.

torchvision 0.28 built for CUDA, beside a CPU build of torch, fails while it is imported: it registers shape
functions for `torchvision::nms` although the library that defines the operator did not load. The networks
of the study use none of these operators, so declaring their schemas is enough; calling one still fails.
"""

from __future__ import annotations

import importlib
from typing import Any

_MISSING = "operator torchvision::nms does not exist"
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# The declarations last only as long as the Library object that made them.
_declared: list[Any] = []


def load_torchvision() -> Any:
    """The torchvision package; its operators are declared first where its import fails for want of them."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if _MISSING not in str(error) or _declared:
            raise
    _declare_operators()
    return importlib.import_module("torchvision")


def stand_in_is_active() -> bool:
    """Whether the operators had to be declared in this process."""
    return bool(_declared)


def _declare_operators() -> None:
    from torch import library

    operators = library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        operators.define(schema)
    _declared.append(operators)
