"""The warehouse: DuckDB for tables, Parquet for vectors, and jobs that can be killed at any time.

This package handles transactions, lineage and files. It contains nothing about brains or networks.
"""

from __future__ import annotations

from alignhouse.warehouse.errors import AlignhouseError, BadInput, BrokenWarehouse, WarehouseLocked
from alignhouse.warehouse.reader import Warehouse

__all__ = ["AlignhouseError", "BadInput", "BrokenWarehouse", "Warehouse", "WarehouseLocked"]
