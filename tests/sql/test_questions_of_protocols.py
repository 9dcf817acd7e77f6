"""Changes between two protocols: the values of the answer, against made-up rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_warehouse import write_tables

from alignhouse.warehouse import Warehouse

# (protocol, model) -> score of its two layers in V1, and p of the better
SCORES = {
    ("sound", "a"): ([0.3, 0.1], 0.04),
    ("paper", "a"): ([0.2, 0.25], 0.0),
    ("sound", "b"): ([0.1, 0.5], 0.2),
    ("paper", "b"): ([0.1, 0.2], 0.01),
    ("sound", "only_sound"): ([0.9, 0.8], 0.01),
}
UPPER = {"sound": 0.5, "paper": 1.0}


def rows() -> dict[str, list[dict[str, Any]]]:
    tables: dict[str, list[dict[str, Any]]] = {
        "roi": [
            {"dataset": "d", "roi": roi, "roi_group": "early", "roi_order": order}
            for order, roi in enumerate(("V1", "MT"))
        ],
        "protocol": [{"protocol": name, "settings": "{}"} for name in UPPER],
    }
    for (protocol, model), (of_layers, p) in SCORES.items():
        scope = {"protocol": protocol, "dataset": "d", "split": "test", "remark": "made up"}
        if protocol == "sound":
            about = dict.fromkeys(("network", "family", "training_dataset", "source", "weights"), "x")
            kind = {"model_type": "image", "arch_type": "CNNs"}
            tables.setdefault("model", []).append({"model": model, **kind, "remark": "", **about})
        for index, rho in enumerate(of_layers):
            layer = {"protocol": protocol, "model": model, "layer": f"l{index}"}
            tables.setdefault("layer", []).append({**layer, "layer_index": index, "depth": float(index)})
            place = {**scope, **layer, "roi": "V1"}
            tables.setdefault("alignment", []).append({**place, "subject": "s1", "rho": rho})
            test = {**place, "statistic": rho, "permutations": 99, "seed": 0, "p_value": p}
            tables.setdefault("significance", []).append({**test, "test": "layer"})
            if rho == max(of_layers):
                tables["significance"].append({**test, "test": "best_layer"})
    for protocol, upper in UPPER.items():
        scope = {"protocol": protocol, "dataset": "d", "split": "test", "remark": "made up"}
        ceiling = {**scope, "roi": "V1", "lower": 0.1, "upper": upper, "p_value": 0.01, "n_subjects": 2}
        tables.setdefault("noise_ceiling", []).append(ceiling)
    return tables


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("difference") / "w"
    write_tables(folder, rows())
    return folder


def test_networks_that_both_protocols_have_are_compared_the_largest_change_first(warehouse: Path) -> None:
    with Warehouse.open(warehouse) as opened:
        answer = opened.ask("protocol_difference").pl()
    assert answer["model"].to_list() == ["b", "a"]
    b, a = answer.iter_rows(named=True)
    assert (a["layer"], a["other_layer"], a["same_layer"]) == ("l0", "l1", False)
    assert (b["layer"], b["other_layer"], b["same_layer"]) == ("l1", "l1", True)
    assert (a["rho"], a["other_rho"], a["rho_difference"]) == pytest.approx((0.3, 0.25, 0.05))
    assert (a["share_of_ceiling"], a["other_share_of_ceiling"]) == pytest.approx((0.6, 0.25))
    assert (a["p_value"], a["other_p_value"]) == (0.04, 0.0)
    assert (a["significant"], a["other_significant"]) == (True, True)
    assert (b["significant"], b["other_significant"]) == (False, True)
    assert answer["remark"].to_list() == ["made up", "made up"]


def test_the_other_way_round_differences_change_their_sign(warehouse: Path) -> None:
    with Warehouse.open(warehouse) as opened:
        answer = opened.ask("protocol_difference", protocol="paper", other="sound", model="a").pl()
    assert answer["rho_difference"].to_list() == pytest.approx([-0.05])
    assert answer.select("protocol", "other_protocol").rows() == [("paper", "sound")]


def test_a_region_can_be_picked(warehouse: Path) -> None:
    with Warehouse.open(warehouse) as opened:
        assert len(opened.ask("protocol_difference", roi="V1").pl()) == 2
        assert opened.ask("protocol_difference", roi="MT").pl().is_empty()
