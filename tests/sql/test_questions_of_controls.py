"""Questions about control models, against polars on the same rows; networks stay apart from controls."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from made_up_warehouse import NETWORKS, REGIONS, WEAK, made_up_tables, write_tables
from polars.testing import assert_frame_equal

from alignhouse.warehouse import BadInput, Warehouse

SCOPE = {"dataset": "d", "split": "test"}
TESTED = {"permutations": 99, "seed": 0, "remark": "made up"}
FROZEN = "c@frozen"
PARTS = ("r2_network", "r2_controls", "r2_both", "unique_network", "unique_controls", "shared")
ENDS = ("lower", "upper")
OF_CONTROLS = ("control", "control_score", "frame_order_difference")
NO_NUMBERS = ("partial_rho", "sem", "p_value", "p_family", "lower", "upper")


def beyond_rows(scores: pl.DataFrame, random: np.random.Generator) -> list[dict[str, Any]]:
    rows = []
    for layer in scores.iter_rows(named=True):
        numbers = dict(zip(NO_NUMBERS, random.uniform(0, 0.5, len(NO_NUMBERS)).tolist(), strict=True))
        numbers |= {"lower": numbers["partial_rho"] - 0.1, "upper": numbers["partial_rho"] + 0.1}
        # A network with a single layer, which equals a control.
        reason = "equal" if layer["model"] == "d" else ""
        rows.append(
            {
                **{name: layer[name] for name in ("protocol", "model", "layer", "roi")},
                **SCOPE,
                **TESTED,
                **(dict.fromkeys(NO_NUMBERS) if reason else numbers),
                "controls": "gist, hog",
                "n_controls": 2,
                "n_subjects": 3,
                "r2_both": 0.1,
                "unique_r": None if reason else float(random.uniform(-0.1, 0.4)),
                "unique_p": None if reason else float(random.uniform(0, 1)),
                "unique_p_family": None if reason else float(random.uniform(0, 1)),
                "draws": 9,
                "reason": reason,
            }
        )
    return rows


@pytest.fixture(scope="module")
def tables() -> dict[str, list[dict[str, Any]]]:
    random = np.random.default_rng(4)
    made = made_up_tables()
    layers = pl.DataFrame(made["alignment"]).unique(
        ["protocol", "model", "layer", "roi"], maintain_order=True
    )
    made["beyond_controls"] = beyond_rows(layers, random)
    made["variance_partition"] = partition_rows(random)
    made["network_partition"] = pair_rows(random)
    made["control"] = [
        {
            **SCOPE,
            "control": "gist",
            "source": "frames",
            "network": None,
            "frame_order": None,
            "distance": "euclidean",
            "description": "gist",
        },
        {
            **SCOPE,
            "control": FROZEN,
            "source": "network",
            "network": "c",
            "frame_order": "frozen",
            "distance": "correlation",
            "description": "c, frozen",
        },
    ]
    made["control_score"] = [
        {
            "protocol": "sound",
            **SCOPE,
            **TESTED,
            "control": control,
            "layer": layer,
            "layer_index": index,
            "roi": roi,
            "rho": float(random.uniform(0, 0.4)),
            "n_subjects": 3,
            "p_value": 0.5,
        }
        for roi in REGIONS
        for control, of_control in (("gist", ["control"]), (FROZEN, [f"l{i}" for i in range(5)]))
        for index, layer in enumerate(of_control)
    ]
    made["frame_order_difference"] = [
        {
            "protocol": protocol,
            **SCOPE,
            "model": "c",
            "frame_order": "frozen",
            "roi": roi,
            "comparison": comparison,
            "layer": "l0",
            "layer_in_order": "l0",
            "rho": 0.3,
            "rho_in_order": 0.1,
            "difference": 0.3 - 0.1,
            "lower": float(random.uniform(-1, 0)),
            "upper": float(random.uniform(0, 1)),
            "level": 0.95,
            "resampled": "both",
            "method": "dual",
            "p_value": float(random.uniform(0, 1)),
            "n_subjects": 3,
            "draws": 9,
            "seed": 0,
            "remark": "made up",
        }
        for protocol in ("sound", "paper")
        for roi in REGIONS
        if roi != WEAK
        for comparison in ("same_layer", "best_layer")
    ]
    return made


def partition_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    """The partitions of three networks in each region; the controls of the last are left out."""
    rows = []
    for index, (roi, model) in enumerate(product(REGIONS, ("a", "b", "c"))):
        numbers = dict(zip(PARTS, random.uniform(-0.1, 0.5, len(PARTS)).tolist(), strict=True))
        rows.append(
            {
                "protocol": "sound-encoding" if index else "other-encoding",
                **SCOPE,
                "model": model,
                "layer": "l1",
                "roi": roi,
                **(dict.fromkeys(PARTS) if model == "c" else numbers),
                "n_subjects": 3,
                "n_voxels": 90,
                "controls": "gist, hog",
                "n_controls": 2,
                "candidates": 9,
                "weights_per": "region",
                "level": 0.95,
                "draws": 0,
                "seed": 0,
                "reason": "left out: gist" if model == "c" else "",
                "remark": "made up",
            }
        )
    return rows


def pair_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    """The partitions of three pairs of networks in each region."""
    parts = [
        *("r2_network", "r2_other", "r2_both", "unique_network", "unique_other", "shared"),
        *(f"{part}_{end}" for part in ("unique_network", "unique_other", "shared") for end in ENDS),
    ]
    return [
        {
            "protocol": "sound-encoding",
            **SCOPE,
            "model": model,
            "layer": f"{model}1",
            "other_model": other,
            "other_layer": f"{other}1",
            "roi": roi,
            **dict(zip(parts, random.uniform(-0.1, 0.5, len(parts)).tolist(), strict=True)),
            "is_normalised": True,
            "n_subjects": 3,
            "n_voxels": 90,
            "candidates": 9,
            "weights_per": "region",
            "level": 0.95,
            "draws": 0,
            "seed": 0,
            "remark": "made up",
        }
        for roi, (model, other) in product(REGIONS, (("a", "b"), ("b", "c"), ("a", "d")))
    ]


@pytest.fixture(scope="module")
def warehouse(tables: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("controls") / "w"
    write_tables(folder, tables)
    with Warehouse.open(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def without_controls(tables: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("without") / "w"
    write_tables(folder, {name: rows for name, rows in tables.items() if name not in OF_CONTROLS})
    with Warehouse.open(folder) as opened:
        yield opened


def test_each_network_is_shown_by_its_layer_of_the_highest_partial_rho(
    warehouse: Warehouse, tables: Any
) -> None:
    found = warehouse.ask("beyond_controls", roi="V1").pl()
    rows = pl.DataFrame(tables["beyond_controls"]).filter(protocol="sound", roi="V1")
    best = rows.sort("partial_rho", descending=True, nulls_last=True).unique("model", keep="first")
    best = best.sort("partial_rho", descending=True, nulls_last=True)
    assert found["model"].to_list() == best["model"].to_list()
    assert found["layer"].to_list() == best["layer"].to_list()
    for name in ("p_family", "unique_r", "unique_p", "unique_p_family"):
        assert found[name].to_list() == best[name].to_list()
    plain = pl.DataFrame(tables["alignment"]).filter(protocol="sound", roi="V1")
    means = plain.group_by("model", "layer").agg(pl.col("rho").mean())
    joined = found.select("model", "layer").join(means, ["model", "layer"], maintain_order="left")
    assert found["rho"].to_list() == pytest.approx(joined["rho"].to_list())
    assert found.row(-1, named=True)["reason"] == "equal"


def test_all_layers_are_shown_on_request(warehouse: Warehouse) -> None:
    found = warehouse.ask("beyond_controls", layers="all", model="c").pl()
    assert len(found) == 5 * len(REGIONS)
    assert found["partial_rho"].to_list()[:5] == sorted(found["partial_rho"].to_list()[:5], reverse=True)
    with pytest.raises(duckdb.InvalidInputException, match="best or all"):
        warehouse.ask("beyond_controls", layers="some").pl()


def test_controls_are_shown_by_their_best_layer_with_the_share_of_the_ceiling(
    warehouse: Warehouse, tables: Any
) -> None:
    found = warehouse.ask("controls").pl()
    scores = pl.DataFrame(tables["control_score"]).group_by("roi", "control").agg(pl.col("rho").max())
    assert len(found) == len(scores) == 2 * len(REGIONS)
    joined = found.join(scores, ["roi", "control"], suffix="_expected")
    assert joined["rho"].to_list() == joined["rho_expected"].to_list()
    ceilings = {row["roi"]: row["lower"] for row in tables["noise_ceiling"] if row["protocol"] == "sound"}
    for row in found.iter_rows(named=True):
        share = None if row["roi"] == WEAK else row["rho"] / ceilings[row["roi"]]
        assert row["share_of_ceiling"] == (share if share is None else pytest.approx(share))
    assert set(warehouse.ask("controls", control=FROZEN).pl()["frame_order"]) == {"frozen"}


def order_scores(tables: Any, roi: str) -> pl.DataFrame:
    """The layers of a network in one region, with their rho in both orders."""
    rows = pl.DataFrame(tables["control_score"]).filter(control=FROZEN, roi=roi)
    plain = pl.DataFrame(tables["alignment"]).filter(protocol="sound", roi=roi, model="c")
    means = plain.group_by("layer").agg(pl.col("rho").mean())
    return means.join(rows.select("layer", pl.col("rho").alias("moved")), "layer")


def test_a_network_is_compared_with_itself_in_another_order_of_frames(
    warehouse: Warehouse, tables: Any
) -> None:
    found = warehouse.ask("frame_order").pl()
    assert found["roi"].to_list() == list(REGIONS)
    of_usual = 0
    for row in found.iter_rows(named=True):
        layers = order_scores(tables, row["roi"])
        assert layers.height == 5
        same = layers.sort(pl.col("rho") + pl.col("moved")).row(-1, named=True)
        assert (row["model"], row["frame_order"], row["layer"]) == ("c", "frozen", same["layer"])
        assert (row["rho"], row["rho_in_order"]) == pytest.approx((same["rho"], same["moved"]))
        assert row["difference"] == pytest.approx(same["rho"] - same["moved"])
        best, moved = layers.sort("rho").row(-1, named=True), layers.sort("moved").row(-1, named=True)
        assert (row["best_layer"], row["best_layer_in_order"]) == (best["layer"], moved["layer"])
        assert row["difference_of_best"] == pytest.approx(best["rho"] - moved["moved"])
        of_usual += row["layer"] == best["layer"]
    # The layer that is compared with itself is not simply the best in the usual order.
    assert of_usual < found.height


def test_differences_of_orders_have_the_intervals_of_their_own_comparison(
    warehouse: Warehouse, tables: Any
) -> None:
    stored = {
        (row["roi"], row["comparison"]): (row["lower"], row["upper"], row["p_value"])
        for row in tables["frame_order_difference"]
        if row["protocol"] == "sound"
    }
    for row in warehouse.ask("frame_order").pl().iter_rows(named=True):
        unknown = (None, None, None)
        expected = stored.get((row["roi"], "same_layer"), unknown)
        assert (row["lower"], row["upper"], row["p_value"]) == expected
        expected = stored.get((row["roi"], "best_layer"), unknown)
        assert (row["lower_of_best"], row["upper_of_best"], row["p_of_best"]) == expected
        assert (row["method"] is None) == (row["roi"] == WEAK)
    assert warehouse.ask("frame_order", protocol="paper").pl().is_empty()
    assert warehouse.ask("frame_order", model="a").pl().is_empty()


@pytest.mark.parametrize(
    "question", ["leaderboard", "networks", "best_layer", "alignment_by_architecture", "alignment_by_weights"]
)
def test_controls_are_not_among_networks(
    warehouse: Warehouse, without_controls: Warehouse, question: str
) -> None:
    found = warehouse.ask(question).pl()
    assert_frame_equal(found, without_controls.ask(question).pl())
    if "model" in found.columns:
        assert set(found["model"]) == set(NETWORKS)


def test_the_origin_of_partial_scores_is_known(warehouse: Warehouse) -> None:
    found = warehouse.ask("provenance", model="c", roi="V1", table="beyond_controls").pl()
    assert found["input"].to_list() == ["beyond_controls"]


def test_variance_partitions_are_sorted_by_what_the_network_adds(warehouse: Warehouse, tables: Any) -> None:
    rows = pl.DataFrame(tables["variance_partition"]).filter(protocol="sound-encoding")
    found = warehouse.ask("variance_partition").pl()
    assert len(found) == len(rows) == 3 * len(REGIONS) - 1
    order = found.select("roi", "model").rows()
    places = pl.col("roi").replace_strict(list(REGIONS), range(len(REGIONS)))
    expected = rows.with_columns(places.alias("order"))
    expected = expected.sort("order", "unique_network", descending=[False, True], nulls_last=True)
    assert order == expected.select("roi", "model").rows()
    joined = found.join(rows, on=["roi", "model"], suffix="_made", nulls_equal=True)
    for column in (*PARTS, "reason"):
        assert joined[column].to_list() == joined[f"{column}_made"].to_list()
    only = warehouse.ask("variance_partition", roi="V1", model="b").pl()
    assert only.select("roi", "model").rows() == [("V1", "b")]
    lateral = [roi for roi, (group, _) in REGIONS.items() if group == "lateral"]
    of_group = warehouse.ask("variance_partition", roi_group="lateral").pl()
    assert set(of_group["roi"]) == set(lateral)


def test_variance_beyond_a_network_turns_pairs_around(warehouse: Warehouse, tables: Any) -> None:
    found = warehouse.ask("variance_partition", beyond="b").pl()
    assert set(found["beyond"]) == {"b"}
    assert found["controls"].null_count() == found["r2_controls"].null_count() == len(found)
    expected = {(row["model"], row["other_model"], row["roi"]): row for row in tables["network_partition"]}
    assert len(found) == 2 * len(REGIONS)
    for row in found.iter_rows(named=True):
        if row["model"] == "a":
            stored, own, other = expected["a", "b", row["roi"]], "network", "other"
            layers = ("layer", "other_layer")
        else:
            stored, own, other = expected["b", "c", row["roi"]], "other", "network"
            layers = ("other_layer", "layer")
        assert (row["layer"], row["other_layer"]) == tuple(stored[name] for name in layers)
        assert (row["r2_network"], row["r2_other"]) == (stored[f"r2_{own}"], stored[f"r2_{other}"])
        for end in ("", *(f"_{end}" for end in ENDS)):
            assert row[f"unique_network{end}"] == stored[f"unique_{own}{end}"]
            assert row[f"unique_other{end}"] == stored[f"unique_{other}{end}"]
            assert row[f"shared{end}"] == stored[f"shared{end}"]
    for _, of_region in found.group_by("roi"):
        assert of_region["unique_network"].is_sorted(descending=True)
    plain = warehouse.ask("variance_partition").pl()
    assert set(plain["beyond"]) == {"controls"}
    assert plain["unique_other"].null_count() == len(plain)
    with pytest.raises(BadInput, match="beyond.*'e'"):
        warehouse.ask("variance_partition", beyond="e")
