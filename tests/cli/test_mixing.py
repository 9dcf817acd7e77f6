"""The line above answers that mix protocols, data sets, splits or weights."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import alignhouse
from made_up_warehouse import made_up_tables, write_tables

from alignhouse.cli.mixing import mixing_line
from alignhouse.warehouse.questions import question

SCOPE = ("protocol", "dataset", "split", "weights")


@pytest.mark.parametrize(
    ("name", "rows", "line"),
    [
        ("best_layer", [("sound", "d", "test", "random")] * 2, ""),
        ("best_layer", [], ""),
        ("best_layer", [("sound", None, "test", "random"), ("sound", "d", "test", "random")], ""),
        (
            "noise_ceilings",
            [("sound", "d", "test", None), ("paper", "d", "test", None)],
            "This answer mixes protocols (paper, sound): filter with --protocol.",
        ),
        (
            "reliability",
            [(None, "d", "train", None), (None, "e", "test", None)],
            "This answer mixes data sets (d, e) and splits (test, train): filter with --dataset and --split.",
        ),
        (
            "best_layer",
            [("sound", "d", "test", "random"), ("sound", "d", "test", "pretrained")],
            "This answer mixes weights (pretrained, random).",
        ),
        ("networks", [("sound", "d", "test", "random"), ("paper", "d", "test", "pretrained")], ""),
        (
            None,
            [("sound", "d", "a", "random"), ("paper", "d", "b", "random")],
            "This answer mixes protocols (paper, sound) and splits (a, b): "
            "filter with where protocol = 'sound' and split = 'a'.",
        ),
    ],
)
def test_what_an_answer_mixes(name: str | None, rows: list[tuple[str | None, ...]], line: str) -> None:
    assert mixing_line(SCOPE, rows, question(name) if name else None) == line


def test_groups_of_both_kinds_of_networks_mix_weights() -> None:
    columns, asked = ("group_name", "n_models", "n_random"), question("depth_of_best_layer")
    assert mixing_line(columns, [("a", 3, 3), ("b", 2, 0), ("c", 0, 0)], asked) == ""
    told = mixing_line(columns, [("a", 3, 3), ("b", 2, 1)], asked)
    assert told == "This answer mixes weights (pretrained, random): separate with --by weights."
    # Groups by weights are apart.
    apart = [("random", 3), ("pretrained", 2)]
    assert mixing_line(("weights", "n_models"), apart, question("alignment_by_weights")) == ""


def test_the_line_is_above_the_table_and_beside_what_programs_read(tmp_path: Path) -> None:
    write_tables(tmp_path / "w", made_up_tables())
    line = "This answer mixes protocols (paper, sound): filter with "
    for words, advice in (
        (("ask", "noise_ceilings"), "--protocol."),
        (("sql", "select protocol, roi, lower from noise_ceiling"), "where protocol = 'sound'."),
    ):
        table = alignhouse(*words, "-w", "w", folder=tmp_path)
        assert table.stdout.splitlines()[0] == line + advice
        csv = alignhouse(*words, "-w", "w", "--format", "csv", folder=tmp_path)
        assert csv.stdout.startswith("protocol,")
        assert csv.stderr.strip() == line + advice
        file = alignhouse(*words, "-w", "w", "--out", "answer.txt", folder=tmp_path)
        assert file.stdout == ""
        assert (tmp_path / "answer.txt").read_text(encoding="utf-8").splitlines()[0] == line + advice
    alone = alignhouse("ask", "noise_ceilings", "--protocol", "sound", "-w", "w", folder=tmp_path)
    assert "mixes" not in alone.stdout + alone.stderr
