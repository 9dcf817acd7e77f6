"""Rows of tables have the types of the schema."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from alignhouse.warehouse.tables import rows_output, table_schema


def test_types_are_those_of_the_schema() -> None:
    assert table_schema("layer") == pa.schema(
        {
            "protocol": pa.string(),
            "model": pa.string(),
            "layer": pa.string(),
            "layer_index": pa.int32(),
            "depth": pa.float64(),
            "width": pa.int64(),
        }
    )
    assert "artifact" not in table_schema("alignment").names, "registration adds it"


def test_values_take_the_types_of_the_table_whatever_they_come_as() -> None:
    columns = {
        "roi": np.array(["V1", "V2"], dtype=object),
        "lower": np.array([0.5, 0.25], np.float32),
        "upper": [None, 1],
        "n_subjects": np.array([3, 4], np.int64),
    }
    output = rows_output("noise_ceiling", columns, ["roi"])
    assert isinstance(output.data, pa.Table)
    assert output.data.schema == pa.schema(
        [table_schema("noise_ceiling").field(name) for name in ("roi", "lower", "upper", "n_subjects")]
    )
    assert output.data.to_pylist() == [
        {"roi": "V1", "lower": 0.5, "upper": None, "n_subjects": 3},
        {"roi": "V2", "lower": 0.25, "upper": 1.0, "n_subjects": 4},
    ]
    assert (output.folder, output.table, output.slot) == (
        ("facts", "table=noise_ceiling"),
        "noise_ceiling",
        ("roi",),
    )


def test_a_column_that_the_table_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="table roi has no column colour"):
        rows_output("roi", {"colour": ["red"]}, [])


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="equal lengths"):
        rows_output("roi", {"roi": ["V1"], "dataset": ["a", "b"]}, [])
