"""Imports torchvision without torch's compiler, and even if its compiled operators cannot be loaded.

torchvision asks torch's compiler for one function, for detectors. Loading the compiler takes two seconds in
each process, and nothing here compiles, so a stand-in takes its place until torchvision is imported.

Importing a CUDA build of torchvision 0.28 next to a CPU build of torch fails: it registers shape functions
for `torchvision::nms`, although the library that defines the operator was not loaded. The study's networks
use none of these operators, so declaring their schemas is enough. Calling one still fails.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_MISSING = "operator torchvision::nms does not exist"
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# Declarations live only as long as their Library object.
_declared: list[Any] = []
_COMPILER = "torch._dynamo"


def load_torchvision() -> Any:
    """The torchvision package. If its import fails because of missing operators, they are declared first."""
    mend_imports()
    return importlib.import_module("torchvision")


def mend_imports() -> None:
    """From now on, `import torchvision` declares missing operators, wherever in this process it is written.

    Imports nothing itself: code that does not use torchvision does not pay for it.
    """
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


class _Finder:
    """Finds torchvision as Python would, and mends its execution."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "torchvision":
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next((each for each in found if each is not None), None)
        if spec is not None and spec.loader is not None:
            # The loader belongs to this spec alone, and keeps everything else that it can do.
            vars(spec.loader)["exec_module"] = partial(_execute, spec.loader.exec_module)
        return spec


_finder: Any = _Finder()


def _execute(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    with _stand_in_for_compiler():
        try:
            execute(module)
            return
        except RuntimeError as error:
            if _MISSING not in str(error) or _declared:
                raise
        _declare_operators()
        execute(module)


@contextmanager
def _stand_in_for_compiler() -> Iterator[None]:
    """In this block, torch's compiler has only the function that torchvision imports, unless it is loaded."""
    if _COMPILER in sys.modules:
        yield
        return
    utilities = ModuleType(f"{_COMPILER}.utils", "replaces torch's compiler")
    utilities.is_compile_supported = _is_compile_supported  # type: ignore[attr-defined]
    package = ModuleType(_COMPILER, "replaces torch's compiler")
    package.__path__ = []
    replaced = {each.__name__: each for each in (package, utilities)}
    sys.modules.update(replaced)
    try:
        yield
    finally:
        for name, each in replaced.items():
            if sys.modules.get(name) is each:
                del sys.modules[name]


def _is_compile_supported(device: str) -> Any:
    """As torch's own function of this name, which a detector calls."""
    return importlib.import_module(f"{_COMPILER}.utils").is_compile_supported(device)


def _declare_operators() -> None:
    from torch import library

    operators = library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        operators.define(schema)
    _declared.append(operators)
