"""Questions about pretrained and untrained networks, against polars or numpy on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from made_up_warehouse import REGIONS, made_up_tables, write_tables

from alignhouse.warehouse import BadInput, Warehouse

# The untrained self of "a" is called "b", that of "c" is "d"; "e" has none.
SELVES = {"b": "a", "d": "c"}
PAIR = {
    "dataset": "d",
    "split": "test",
    "remark": "made up",
    "group_by": "model",
    "n_a": 1,
    "n_b": 1,
    "level": 0.9,
    "draws": 9,
    "seed": 0,
    "protocol": "sound",
    "statistic": 0.1,
}


@pytest.fixture(scope="module")
def tables() -> dict[str, list[dict[str, Any]]]:
    made = made_up_tables()
    for row in made["model"]:
        if row["model"] in SELVES:
            row |= {"network": SELVES[row["model"]], "weights": "random", "training_dataset": "none"}
    for row in made["alignment"]:
        if row["model"] in SELVES:
            row["remark"] = "made up, random weights"
    made["difference_interval"] = [
        {**PAIR, "roi": roi, "group_a": a, "group_b": b, "resampled": resampled, "method": method}
        | {"lower": lower, "upper": upper}
        for roi, a, b, resampled, method, lower, upper in (
            ("V1", "a", "b", "stimuli", "percentile", -0.3, 0.4),
            ("V1", "a", "b", "stimuli", "bias_corrected", -0.2, 0.5),
            ("V1", "a", "b", "both", "percentile", -0.6, 0.7),
            ("V1", "a", "b", "both", "dual", -0.5, 0.6),
            # Stored the other way round, and between networks that are not selves.
            ("MT", "d", "c", "stimuli", "percentile", 0.1, 0.9),
            ("V1", "b", "c", "stimuli", "percentile", -1.0, 1.0),
        )
    ]
    return made


@pytest.fixture(scope="module")
def warehouse(tables: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("weights") / "w"
    write_tables(folder, tables)
    with Warehouse.open(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def best(tables: Any) -> dict[tuple[str, str, str], float]:
    """(protocol, model, roi) -> the highest mean rho over the model's layers, by polars."""
    means = pl.DataFrame(tables["alignment"]).group_by("protocol", "model", "roi", "layer")
    highest = means.agg(pl.col("rho").mean()).group_by("protocol", "model", "roi").agg(pl.col("rho").max())
    return {(protocol, model, roi): rho for protocol, model, roi, rho in highest.iter_rows()}


def test_the_training_effect_of_each_network_in_each_region(warehouse: Warehouse, best: Any) -> None:
    answer = warehouse.ask("training_effect").pl()
    pairs = answer.select("roi", "network", "untrained").rows()
    assert pairs == [(roi, network, self) for roi in REGIONS for self, network in SELVES.items()]
    for row in answer.iter_rows(named=True):
        trained = best["sound", row["network"], row["roi"]]
        untrained = best["sound", row["untrained"], row["roi"]]
        found = (row["rho_trained"], row["rho_untrained"], row["difference"])
        assert found == pytest.approx((trained, untrained, trained - untrained))
        # The row is about weights, so its remark does not repeat them.
        assert row["remark"] == "made up"
    bounds = answer.drop_nulls("lower").select("roi", "network", "lower", "upper", "level", "method").rows()
    assert bounds == [
        ("V1", "a", -0.3, 0.4, 0.9, "percentile"),
        ("MT", "c", -0.9, -0.1, 0.9, "percentile"),
    ]


@pytest.mark.parametrize(
    ("asked", "bounds"),
    [
        ({"resampled": "both"}, ("dual", -0.5, 0.6)),
        ({"resampled": "both", "method": "percentile"}, ("percentile", -0.6, 0.7)),
        ({"method": "bias_corrected"}, ("bias_corrected", -0.2, 0.5)),
        ({"resampled": "subjects"}, (None, None, None)),
        ({"protocol": "paper"}, (None, None, None)),
    ],
)
def test_the_interval_is_that_of_the_asked_kind_or_none(
    warehouse: Warehouse, asked: dict[str, str], bounds: tuple[Any, ...]
) -> None:
    answer = warehouse.ask("training_effect", roi="V1", network="a", **asked).pl()
    assert answer.select("method", "lower", "upper").rows() == [bounds]


def test_a_network_without_an_untrained_self_has_no_training_effect(warehouse: Warehouse) -> None:
    assert warehouse.ask("training_effect", network="e").pl().is_empty()
    with pytest.raises(BadInput, match="network"):
        warehouse.ask("training_effect", network="zz")


def test_alignment_by_weights(warehouse: Warehouse, best: Any) -> None:
    answer = warehouse.ask("alignment_by_weights", protocol="paper").pl()
    assert len(answer) == 2 * len(REGIONS)
    for row in answer.iter_rows(named=True):
        members = ["b", "d"] if row["weights"] == "random" else ["a", "c", "e"]
        scores = [best["paper", model, row["roi"]] for model in members]
        assert row["n_models"] == len(members)
        assert row["median_rho"] == pytest.approx(np.median(scores))
        assert row["best_model"] == members[int(np.argmax(scores))]
        assert row["remark"] == ("made up, random weights" if row["weights"] == "random" else "made up")


@pytest.mark.parametrize(
    ("question", "column"),
    [("alignment_by_model_type", "model_type"), ("alignment_by_architecture", "arch_type")],
)
def test_a_group_says_how_many_of_its_networks_are_untrained(
    warehouse: Warehouse, tables: Any, question: str, column: str
) -> None:
    facts = pl.DataFrame(tables["model"], infer_schema_length=None)
    answer = warehouse.ask(question, roi="V1").pl()
    assert len(answer) == facts[column].n_unique()
    for row in answer.iter_rows(named=True):
        of_group = facts.filter(pl.col(column) == row[column])
        untrained = of_group.filter(weights="random").height
        assert (row["n_models"], row["n_random"]) == (of_group.height, untrained)
        # A group with a trained network is not called untrained.
        assert row["remark"] == "made up" + (", random weights" if untrained == of_group.height else "")


@pytest.mark.parametrize("question", ["alignment_by_layer_depth", "depth_of_best_layer", "hemispheres"])
def test_weights_are_a_grouping_of_every_question_that_groups(warehouse: Warehouse, question: str) -> None:
    answer = warehouse.ask(question, by="weights").pl()
    counts = answer.group_by("group_name").agg(
        pl.col("n_models").max(), pl.col("n_random").max(), pl.col("remark").unique()
    )
    assert {row[0]: row[1:] for row in counts.iter_rows()} == {
        # The network "d" has a single layer: a point, not a curve over depth.
        "random": (
            *((1, 1) if question == "alignment_by_layer_depth" else (2, 2)),
            ["made up, random weights"],
        ),
        "pretrained": (3, 0, ["made up"]),
    }


@pytest.mark.parametrize("question", ["best_layer", "leaderboard", "region_profile"])
def test_rows_of_networks_name_their_weights(warehouse: Warehouse, question: str) -> None:
    found = dict(warehouse.ask(question).pl().select("model", "weights").unique().iter_rows())
    assert found == {"a": "pretrained", "b": "random", "c": "pretrained", "d": "random", "e": "pretrained"}
