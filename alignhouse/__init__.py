"""An analysis warehouse: how well neural networks align with human brains that watch the same stimuli.

The names below are loaded when they are first used, so that `import alignhouse` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alignhouse.ingest.features.activations import features
    from alignhouse.ingest.features.extract import extract_rdms
    from alignhouse.notebook.opened import OpenWarehouse
    from alignhouse.notebook.opened import report_of as write_report
    from alignhouse.notebook.sites import write_site
    from alignhouse.study.file import Study, read_study
    from alignhouse.study.run import Finished, run_study
    from alignhouse.warehouse.errors import AlignhouseError, BadInput, BrokenWarehouse, WarehouseLocked
    from alignhouse.warehouse.reader import Warehouse

    open = OpenWarehouse.open

# Public name -> module, and the name in it.
_HOMES = {
    "AlignhouseError": ("alignhouse.warehouse.errors", "AlignhouseError"),
    "BadInput": ("alignhouse.warehouse.errors", "BadInput"),
    "BrokenWarehouse": ("alignhouse.warehouse.errors", "BrokenWarehouse"),
    "Finished": ("alignhouse.study.run", "Finished"),
    "OpenWarehouse": ("alignhouse.notebook.opened", "OpenWarehouse"),
    "Study": ("alignhouse.study.file", "Study"),
    "Warehouse": ("alignhouse.warehouse.reader", "Warehouse"),
    "WarehouseLocked": ("alignhouse.warehouse.errors", "WarehouseLocked"),
    "features": ("alignhouse.ingest.features.activations", "features"),
    "extract_rdms": ("alignhouse.ingest.features.extract", "extract_rdms"),
    "read_study": ("alignhouse.study.file", "read_study"),
    "run_study": ("alignhouse.study.run", "run_study"),
    "write_report": ("alignhouse.notebook.opened", "report_of"),
    "write_site": ("alignhouse.notebook.sites", "write_site"),
}

__all__ = [
    "AlignhouseError",
    "BadInput",
    "BrokenWarehouse",
    "Finished",
    "OpenWarehouse",
    "Study",
    "Warehouse",
    "WarehouseLocked",
    "extract_rdms",
    "features",
    "open",
    "read_study",
    "run_study",
    "write_report",
    "write_site",
]


def __getattr__(name: str) -> Any:
    if name == "open":
        return __getattr__("OpenWarehouse").open
    if name not in _HOMES:
        raise AttributeError(f"module 'alignhouse' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
