"""Arrow columns equal those from `pyarrow.array`."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from alignhouse.warehouse.columns import column, table


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "", "IPS1-2-3"], pa.string()),
        (["ä", None, "日本", "b"], pa.string()),
        (["ä", "b"], pa.string()),
        ([None, None], pa.string()),
        ([], pa.string()),
        ([True, False, None] * 5, pa.bool_()),
        ([1, None, -3], pa.int32()),
        ([2**40], pa.int64()),
        ([0.5, None, -1e300], pa.float64()),
        ([None] * 9 + [1.0], pa.float64()),
    ],
)
def test_columns_are_those_of_pyarrow(values, kind):
    made = column(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))


def test_tables_follow_their_schema():
    schema = pa.schema({"b": pa.string(), "a": pa.int64()})
    made = table(schema, {"a": [1, 2], "b": ["x", None]})
    assert made.equals(pa.table({"b": ["x", None], "a": [1, 2]}, schema=schema))


def test_numpy_columns_are_not_copied():
    values = np.arange(5, dtype=np.float32)
    made = column(values, pa.float32())
    assert made.to_pylist() == [0, 1, 2, 3, 4]
    assert made.buffers()[1].address == values.ctypes.data


def test_nulls_take_no_text():
    assert column(["a", None, "bc"], pa.string()).buffers()[2].to_pybytes() == b"abc"


def test_making_a_column_does_not_import_pandas():
    code = (
        "import sys, pyarrow as pa; from alignhouse.warehouse.columns import column, table; "
        "column(['a', None], pa.string()); column([1], pa.int32()); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
