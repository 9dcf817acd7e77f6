"""Optional packages, imported only by the methods that need them."""

from __future__ import annotations

import importlib
from typing import Any

from alignhouse.warehouse.errors import BadInput


def needed(module: str) -> Any:
    """The module of an optional package.

    Raises
    ------
    BadInput : the package is not installed.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise BadInput(
            f"the package {package} is not installed", hint=f"install it with `pip install {package}`"
        ) from error
