"""The warehouse: DuckDB for what people ask about, Parquet for vectors, jobs that may be killed at any time.

Knows transactions, lineage and files; knows nothing of brains or networks.
"""

from __future__ import annotations

from alignhouse.warehouse.errors import AlignhouseError, BadInput, BrokenWarehouse, WarehouseLocked
from alignhouse.warehouse.store import Warehouse

__all__ = ["AlignhouseError", "BadInput", "BrokenWarehouse", "Warehouse", "WarehouseLocked"]
