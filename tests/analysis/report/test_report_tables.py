from __future__ import annotations

from datetime import datetime

import polars as pl
import pytest

from alignhouse.analysis.report.tables import (
    cell,
    compared_settings,
    settings_table,
    table_of,
    without_repeated_remark,
)


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (0.12345, "rho", "0.123"),
        (-0.5, "rho", "-0.500"),
        (0.0, "rho", "0.000"),
        (0.0004, "rho", "0.0004"),
        (140.505, "gflops", "140.505"),
        (0.0004, "p_value", "< 0.001"),
        (0.001, "p_value", "0.001"),
        (0.04996, "p_best", "0.050"),
        (0.0, "p_value", "≈ 0"),
        (1.0, "p_value", "1.000"),
        (0.0004, "parameters", "0.0004"),
        (61_100_840, "parameters", "61,100,840"),
        (1102, "n", "1102"),
        (12_345_678, "bytes", "12.3 MB"),
        (999, "bytes", "999 B"),
        (2_500_000_000_000_000, "bytes", "2500.0 TB"),
        (None, "rho", "–"),
        (True, "is_synthetic", "yes"),
        (["sound", "paper"], "protocols", "sound, paper"),
        ([], "include", "–"),
        ({"a": {"b": 1}}, "x", "a.b = 1"),
        (datetime(2025, 1, 2, 3, 4, 5, 678), "started", "2025-01-02 03:04:05"),
    ],
)
def test_values_are_written_for_reading(value: object, column: str, text: str) -> None:
    assert cell(value, column) == text


def test_a_long_table_is_cut_and_says_where_the_rest_is() -> None:
    table = table_of(pl.DataFrame({"n": range(1200)}), "Numbers", most_rows=1000, rest="Ask for more.")
    assert len(table.rows) == 1000
    assert table.note == "The first 1,000 of 1,200 rows. Ask for more."


def test_numbers_are_set_apart_from_names() -> None:
    columns = table_of(pl.DataFrame({"roi": ["V1"], "rho": [0.1]}), "x").columns
    assert [column.numeric for column in columns] == [False, True]


def test_nested_settings_become_dotted_names() -> None:
    table = settings_table({"analysis": {"seed": 0, "groups": {}}, "version": "1"}, "Settings")
    assert table.rows == [
        ["analysis.seed", "0"],
        ["analysis.groups", "–"],
        ["version", "1"],
    ]


def test_a_setting_that_one_protocol_lacks_stands_with_its_section_and_is_marked() -> None:
    table = compared_settings(
        {"sound": {"a": {"x": 1}, "b": {"z": 3}}, "paper": {"a": {"x": 1, "y": 2}, "b": {"z": 3}}},
        "Protocols",
    )
    assert table.rows == [["a.x", "1", "1"], ["a.y", "not set", "2"], ["b.z", "3", "3"]]
    assert table.marked == [False, True, False]


@pytest.mark.parametrize(
    ("remarks", "kept"), [(["r", "r"], False), (["", "r"], False), (["r", "other"], True)]
)
def test_a_column_of_remarks_stays_only_where_it_says_more_than_the_caption(
    remarks: list[str], kept: bool
) -> None:
    frame = without_repeated_remark(pl.DataFrame({"n": [1, 2], "remark": remarks}), "r")
    assert ("remark" in frame.columns) == kept


def test_numbers_sort_by_more_digits_than_are_shown() -> None:
    frame = pl.DataFrame({"rho": [0.12345, 0.5], "p_value": [0.0004, 0.25], "bytes": [12_345_678, 5]})
    table = table_of(frame, "x")
    assert table.rows == [["0.123", "< 0.001", "12.3 MB"], ["0.500", "0.250", "5 B"]]
    assert table.keys == [["0.12345", "0.0004", "12345678"], ["0.5", "0.25", "5"]]
