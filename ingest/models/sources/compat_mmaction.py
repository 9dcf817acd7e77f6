"""Imports mmaction2 quietly, even if its wheel is incomplete.

The wheel of mmaction2 1.2.0 lacks the folder `mmaction/models/localizers/drn`, which `mmaction.models`
imports. If the folder is missing, a stand-in module replaces it; using its class raises an error. If a newer
`transformers` is installed, the import of mmaction2's text networks fails; they are switched off.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision
from alignhouse.ingest.optional_packages import how_to_get
from alignhouse.warehouse.errors import BadInput

_PACKAGE = "mmaction.models.localizers.drn"
# Warnings that the libraries give when imported, about parts that alignhouse does not use.
_KNOWN_WARNINGS = (
    r"Fail to import ``MultiScaleDeformableAttention``",
    r"pkg_resources is deprecated",
    r"Importing from timm\.models\.",
)


class DRN:
    """Replaces the temporal localizer that the wheel lacks."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise BadInput(
            "the localizer DRN of mmaction2",
            expected="its module in the installed package",
            found="a wheel without mmaction/models/localizers/drn",
            hint="install mmaction2 from its source to use DRN",
        )


def package_folder() -> Path:
    """Folder of the installed mmaction package, found without importing it.

    Raises
    ------
    BadInput : mmaction2 is not installed.
    """
    spec = importlib.util.find_spec("mmaction")
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(
            "networks of mmaction2",
            expected="the package mmaction2 1.2",
            found="none installed",
            hint=how_to_get("mmaction2"),
        )
    return Path(next(iter(spec.submodule_search_locations)))


def load_mmaction() -> Any:
    """The package `mmaction` with its models and transforms imported.

    Raises
    ------
    BadInput : mmaction2 is not installed.
    """
    load_torchvision()
    stand_in_for_missing_parts(package_folder())
    with warnings.catch_warnings():
        for message in _KNOWN_WARNINGS:
            warnings.filterwarnings("ignore", message=message)
        with _without_text_optimizers():
            _leave_out_text_networks()
            importlib.import_module("mmaction.models")
            importlib.import_module("mmaction.datasets.transforms")
            return importlib.import_module("mmaction")


@contextmanager
def _without_text_optimizers() -> Iterator[None]:
    """In this block, importing `transformers` fails, unless it is loaded.

    mmengine would load it for an optimizer, which takes a second and which only training uses.
    """
    if "transformers" in sys.modules:
        yield
        return
    sys.modules["transformers"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["transformers"]


def _leave_out_text_networks() -> None:
    """Make mmaction2 and mmpretrain believe that `transformers` is missing; they need a version before 5."""
    for package in ("mmaction", "mmpretrain"):
        if importlib.util.find_spec(package) is not None:
            dependencies = importlib.import_module(f"{package}.utils.dependency")
            vars(dependencies)["WITH_MULTIMODAL"] = False


def stand_in_for_missing_parts(package: Path) -> None:
    """Add stand-in modules to `sys.modules` if the package's folder lacks the real ones."""
    if (package / "models" / "localizers" / "drn").is_dir() or _PACKAGE in sys.modules:
        return
    folder = types.ModuleType(_PACKAGE, "replaces a folder that the wheel lacks")
    folder.__path__ = []
    module = types.ModuleType(f"{_PACKAGE}.drn", "replaces a module that the wheel lacks")
    module.DRN = DRN  # type: ignore[attr-defined]
    folder.drn = module  # type: ignore[attr-defined]
    sys.modules[_PACKAGE] = folder
    sys.modules[f"{_PACKAGE}.drn"] = module
