"""Facts of networks from a user's table."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignhouse.ingest.features.given.facts import read_model_facts
from alignhouse.warehouse.errors import BadInput


def test_facts_are_read_by_network(tmp_path: Path) -> None:
    table = tmp_path / "models.csv"
    table.write_text(
        "network,arch_type,parameters,top1\nAlexNet,CNNs,61100840,56.5\nmine,Transformers,,\n",
        encoding="utf-8",
    )
    assert read_model_facts(table) == {
        "AlexNet": {"arch_type": "CNNs", "parameters": 61100840, "top1": 56.5},
        "mine": {"arch_type": "Transformers"},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,family\na,b\n", "expected a column network, found name, family"),
        ("network,famly\na,b\n", "column 'famly'.*did you mean family"),
        ("network,top1\na,high\n", "top1 in .*line 2: expected a number, found high"),
        ("network,parameters\na,-3\n", "line 2: expected a number above 0, found -3"),
        ("network,gflops\na,inf\n", "expected a number above 0, found inf"),
        ("network,family\na,b\na,c\n", "line 3: expected each network once, found a"),
        ("network,family\na\n", "line 2: expected 2 cells"),
        ("", "found no columns"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "models.csv").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        read_model_facts(tmp_path / "models.csv")
    with pytest.raises(BadInput, match="cannot be read"):
        read_model_facts(tmp_path / "nowhere.csv")
