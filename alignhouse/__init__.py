"""An analysis warehouse: how well neural networks align with human brains that watch the same stimuli.

The names below are loaded when they are first used, so that `import alignhouse` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alignhouse.analysis.report.gather import write_report_of as write_report
    from alignhouse.ingest.features.extract import extract_rdms
    from alignhouse.study.file import Study, read_study
    from alignhouse.study.run import Finished, run_study
    from alignhouse.warehouse.errors import AlignhouseError, BadInput, BrokenWarehouse, WarehouseLocked
    from alignhouse.warehouse.store import Warehouse

    open = Warehouse.open

# Public name -> module, and the name in it.
_HOMES = {
    "AlignhouseError": ("alignhouse.warehouse.errors", "AlignhouseError"),
    "BadInput": ("alignhouse.warehouse.errors", "BadInput"),
    "BrokenWarehouse": ("alignhouse.warehouse.errors", "BrokenWarehouse"),
    "Finished": ("alignhouse.study.run", "Finished"),
    "Study": ("alignhouse.study.file", "Study"),
    "Warehouse": ("alignhouse.warehouse.store", "Warehouse"),
    "WarehouseLocked": ("alignhouse.warehouse.errors", "WarehouseLocked"),
    "extract_rdms": ("alignhouse.ingest.features.extract", "extract_rdms"),
    "read_study": ("alignhouse.study.file", "read_study"),
    "run_study": ("alignhouse.study.run", "run_study"),
    "write_report": ("alignhouse.analysis.report.gather", "write_report_of"),
}

__all__ = [
    "AlignhouseError",
    "BadInput",
    "BrokenWarehouse",
    "Finished",
    "Study",
    "Warehouse",
    "WarehouseLocked",
    "extract_rdms",
    "open",
    "read_study",
    "run_study",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name == "open":
        return __getattr__("Warehouse").open
    if name not in _HOMES:
        raise AttributeError(f"module 'alignhouse' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
