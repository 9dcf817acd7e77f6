"""The two large tables: their content, sort keys and filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from alignhouse.analysis.report.leaderboard import best_layer_table, leaderboard_table

Content = Callable[..., Any]


def test_networks_by_regions_with_ranks_and_ceilings(content: Content) -> None:
    made = content()
    table = leaderboard_table(made.leaderboard, made.best_layer, made.noise_ceiling)
    titles = [column.title for column in table.columns]
    assert titles == [
        *("network", "model type", "architecture", "mean rank", "mean rank, early", "mean rank, lateral"),
        *("V1", "V2", "MT"),
    ]
    assert table.rows[0] == [
        *("TSN", "video action recognition", "CNNs"),
        *("1.0", "1.0", "1.0", "0.300*", "0.290*", "0.280*"),
    ]
    assert [row[0] for row in table.rows] == ["TSN", "ViT", "AlexNet"]
    assert [table.is_hidden(titles.index(each)) for each in ("mean rank", "mean rank, early", "MT")] == [
        False,
        True,
        False,
    ]
    assert [row[-1] for row in table.shades] == [6, 4, 1]
    assert table.foot == [
        ["upper noise ceiling", "", "", "", "", "", "0.400", "0.400", "0.400"],
        ["lower noise ceiling", "", "", "", "", "", "0.350", "0.350", "0.350"],
    ]
    assert {each.label: each.options for each in table.filters} == {
        "region group": ["all regions", "early", "lateral"],
        "model type": ["image object recognition", "video action recognition"],
        "architecture": ["CNNs", "Transformers"],
    }


def test_protocols_are_set_apart_and_the_first_is_chosen(content: Content) -> None:
    made = content(protocols=("paper", "sound"))
    table = leaderboard_table(made.leaderboard, made.best_layer, made.noise_ceiling)
    assert [row[1] for row in table.rows] == ["sound"] * 3 + ["paper"] * 3
    assert [row[1] for row in table.foot] == ["sound", "sound", "paper", "paper"]
    [protocol] = [each for each in table.filters if each.label == "protocol"]
    assert (protocol.options, protocol.initial) == (["sound", "paper"], "sound")


def test_a_network_without_a_score_has_a_dash_and_one_group_needs_no_filter(content: Content) -> None:
    made = content()
    board = made.leaderboard.filter(
        (pl.col("roi_group") == "early") & ((pl.col("model") != "ViT") | (pl.col("roi") != "V2"))
    )
    table = leaderboard_table(board, pl.DataFrame(), pl.DataFrame())
    assert [row[-1] for row in table.rows] == ["0.290", "–", "0.090"]
    assert table.shades[1][-1] == 0
    assert table.foot == []
    assert "region group" not in [each.label for each in table.filters]
    assert "*:" not in table.note


def test_a_row_of_best_layers_has_all_facts(content: Content) -> None:
    table = best_layer_table(content().best_layer)
    titles = [column.title for column in table.columns]
    row = dict(zip(titles, table.rows[0], strict=True))
    assert row == {
        "network": "TSN",
        "model type": "video action recognition",
        "architecture": "CNNs",
        "region": "V1",
        "region group": "early",
        "layer": "fc",
        "depth": "0.75",
        "rho": "0.300",
        "rho from": "0.000",
        "rho to": "0.400",
        "p": "< 0.001",
        "q": "0.040",
        "of noise ceiling": "50 %",
        "layer, other stimuli": "fc",
        "rho, other stimuli": "0.050",
    }
    assert dict(zip(titles, table.keys[0], strict=True))["p"] == "0.0004"
    assert [each[3] for each in table.rows] == ["V1"] * 3 + ["V2"] * 3 + ["MT"] * 3
    assert len(table.rows[0]) == len(table.keys[0])


def test_columns_without_values_are_left_out(content: Content) -> None:
    best = content().best_layer.with_columns(
        pl.lit(None, pl.Float64).alias(name) for name in ("rho_lower", "rho_upper", "q_value", "chosen_rho")
    )
    titles = [column.title for column in best_layer_table(best.drop("chosen_layer")).columns]
    assert not {"rho from", "rho to", "q", "layer, other stimuli", "rho, other stimuli"} & set(titles)
    assert {"p", "of noise ceiling"} <= set(titles)


def test_without_rows_the_tables_are_empty() -> None:
    nothing = pl.DataFrame()
    assert leaderboard_table(nothing, nothing, nothing).rows == []
    assert best_layer_table(nothing).rows == []


def test_weak_ceilings_are_marked(content: Content) -> None:
    made = content()
    weak = made.noise_ceiling.with_columns(is_reliable=pl.col("roi").cast(pl.String) != "V2")
    table = leaderboard_table(made.leaderboard, made.best_layer, weak)
    names = [column.title for column in table.columns]
    for row in table.foot:
        marked = {name for name, text in zip(names, row, strict=True) if text.endswith("†")}
        assert marked == {"V2"}
    assert "†: the noise ceiling is not reliably above chance" in table.note
    reliable = leaderboard_table(made.leaderboard, made.best_layer, made.noise_ceiling)
    assert "†" not in str(reliable)
