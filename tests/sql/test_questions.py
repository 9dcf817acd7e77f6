"""Each question, against values computed by hand or with polars, on a small warehouse from this file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from made_up_warehouse import rows_batch

from alignhouse.warehouse import BadInput, Warehouse
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.schema import sql_files
from alignhouse.warehouse.store import Writer

# model, type, architecture, rho of its layers in V1 and in MT (mean over two subjects that differ by 0.2)
MODELS = [
    ("a", "image", "CNNs", [0.1, 0.3, 0.2], [0.0, 0.1, 0.05]),
    ("b", "image", "Transformers", [0.4, 0.1], [0.2, 0.6]),
    ("c", "video", "CNNs", [0.2, 0.25, 0.3, 0.5, 0.1], [0.3, 0.2, 0.1, 0.0, -0.1]),
    ("d", "video", "CNNs", [0.7], [0.05]),
]
P_BEST = {"a": 0.2, "b": 0.04, "c": 0.01, "d": 0.5}


def content() -> dict[str, list[dict[str, object]]]:
    scope = {"protocol": "sound", "dataset": "d", "split": "test", "remark": "made up"}
    tables: dict[str, list[dict[str, object]]] = {
        name: [] for name in ("alignment", "significance", "layer", "model", "roi", "noise_ceiling")
    }
    tables["protocol"] = [{"protocol": "sound", "settings": "{}"}]
    for order, (roi, group) in enumerate([("V1", "early"), ("MT", "lateral")]):
        tables["roi"].append({"dataset": "d", "roi": roi, "roi_group": group, "roi_order": order})
        tables["noise_ceiling"].append(
            {**scope, "roi": roi, "lower": 0.4 + order / 10, "upper": 0.8, "n_subjects": 2}
        )
    for model, kind, architecture, *scores in MODELS:
        facts = {
            "network": model,
            "source": "timm",
            "family": "F",
            "training_dataset": "T",
            "weights": "random",
        }
        tables["model"].append(
            {"model": model, "model_type": kind, "arch_type": architecture, "remark": "made up", **facts}
        )
        last = max(len(scores[0]) - 1, 1)
        for index in range(len(scores[0])):
            tables["layer"].append(
                {
                    "protocol": "sound",
                    "model": model,
                    "layer": f"l{index}",
                    "layer_index": index,
                    "depth": index / last,
                }
            )
        for roi, of_layers in zip(("V1", "MT"), scores, strict=True):
            best = int(np.argmax(of_layers))
            for index, rho in enumerate(of_layers):
                row = {**scope, "model": model, "layer": f"l{index}", "roi": roi}
                for subject, shift in (("s1", -0.1), ("s2", 0.1)):
                    tables["alignment"].append({**row, "subject": subject, "rho": rho + shift})
                test = {**row, "statistic": rho, "permutations": 99, "seed": 0}
                tables["significance"].append({**test, "test": "layer", "p_value": 0.5})
                if index == best:
                    tables["significance"].append({**test, "test": "best_layer", "p_value": P_BEST[model]})
    return tables


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder: Path = tmp_path_factory.mktemp("questions") / "w"
    slots = {"roi": ("roi",), "layer": ("model",), "protocol": ("protocol",)}
    jobs = [rows_batch(table, rows, slots.get(table, ("remark",))) for table, rows in content().items()]
    with Writer(folder, "test") as writer, Run(writer, "test", {}) as run:
        run.do("tables", jobs)
    with Warehouse.open(folder) as opened:
        yield opened


def test_best_layer(warehouse: Warehouse) -> None:
    answer = warehouse.ask("best_layer", roi="V1").pl()
    assert answer.select("model", "layer", "depth").rows() == [
        ("d", "l0", 0.0),
        ("c", "l3", 0.75),
        ("b", "l0", 0.0),
        ("a", "l1", 0.5),
    ]
    np.testing.assert_allclose(answer["rho"], [0.7, 0.5, 0.4, 0.3], atol=1e-12)
    # two subjects at -0.1 and +0.1: standard deviation 0.1 * sqrt(2), over sqrt(2)
    np.testing.assert_allclose(answer["sem"], 0.1, atol=1e-12)
    assert answer["p_value"].to_list() == [P_BEST[model] for model in "dcba"]
    assert warehouse.ask("best_layer", model="b").pl()["roi"].to_list() == ["V1", "MT"]
    with pytest.raises(BadInput, match="no protocol called 'paper'.*known: sound"):
        warehouse.ask("best_layer", protocol="paper")


@pytest.mark.parametrize(
    ("question", "column", "place"),
    [("alignment_by_model_type", "model_type", 1), ("alignment_by_architecture", "arch_type", 2)],
)
def test_alignment_by_group(warehouse: Warehouse, question: str, column: str, place: int) -> None:
    answer = warehouse.ask(question).pl()
    for number, roi in enumerate(("V1", "MT")):
        for group in {model[place] for model in MODELS}:
            best = {model[0]: max(model[3 + number]) for model in MODELS if model[place] == group}
            row = answer.filter(pl.col("roi") == roi, pl.col(column) == group).row(0, named=True)
            values = list(best.values())
            assert row["n_models"] == len(values)
            assert row["median_rho"] == pytest.approx(np.median(values))
            assert row["lower_quartile"] == pytest.approx(np.quantile(values, 0.25))
            assert row["upper_quartile"] == pytest.approx(np.quantile(values, 0.75))
            assert row["best_model"] == max(best, key=lambda name: best[name])
            assert row["best_rho"] == pytest.approx(max(values))
            assert row["n_significant"] == sum(P_BEST[name] < 0.05 for name in best)
            assert row["remark"] == "made up"
    assert len(answer) == 4
    assert answer["roi"].to_list() == ["V1", "V1", "MT", "MT"]
    assert warehouse.ask(question, roi="MT").pl()["roi"].unique().to_list() == ["MT"]


@pytest.mark.parametrize(("by", "place"), [("model_type", 1), ("arch_type", 2)])
def test_alignment_by_layer_depth(warehouse: Warehouse, by: str, place: int) -> None:
    answer = warehouse.ask("alignment_by_layer_depth", roi="V1", by=by).pl()
    grid = np.arange(11) / 10
    # a network with a single layer has no curve
    curved = [model for model in MODELS if len(model[3]) > 1]
    for group in {model[place] for model in curved}:
        curves = [
            np.interp(grid, np.linspace(0, 1, len(model[3])), model[3])
            for model in curved
            if model[place] == group
        ]
        rows = answer.filter(pl.col("group_name") == group)
        np.testing.assert_allclose(rows["depth"], grid)
        np.testing.assert_allclose(rows["mean_rho"], np.mean(curves, axis=0), atol=1e-12)
        np.testing.assert_allclose(rows["median_rho"], np.median(curves, axis=0), atol=1e-12)
        assert rows["n_models"].to_list() == [len(curves)] * 11


def test_a_grouping_that_does_not_exist_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(Exception, match="--by is model_type"):
        warehouse.ask("alignment_by_layer_depth", by="colour").fetchall()


def test_networks(warehouse: Warehouse) -> None:
    answer = warehouse.ask("networks").pl()
    assert dict(answer.select("model", "n_layers").rows()) == {"a": 3, "b": 2, "c": 5, "d": 1}
    assert answer["remark"].unique().to_list() == ["made up"]


def test_noise_ceilings(warehouse: Warehouse) -> None:
    answer = warehouse.ask("noise_ceilings").pl()
    assert answer.select("roi", "lower", "upper", "n_subjects").rows() == [
        ("V1", 0.4, 0.8, 2),
        ("MT", 0.5, 0.8, 2),
    ]
    assert warehouse.ask("noise_ceilings", roi="MT").pl()["roi"].to_list() == ["MT"]


@pytest.mark.parametrize(
    ("lower", "p_value", "interval", "is_reliable"),
    [
        (0.2, 0.001, (0.05, 0.35), True),
        (0.2, 0.05, (None, None), True),
        (0.2, 0.051, (0.05, 0.35), False),
        (0.2, 0.001, (-0.01, 0.41), False),
        (0.009, 0.001, (0.001, 0.017), False),
        (0.01, 0.001, (0.001, 0.019), True),
        (0.2, None, (None, None), None),
        (None, None, (None, None), None),
    ],
)
def test_a_ceiling_is_reliable_if_it_is_above_chance(
    lower: float | None, p_value: float | None, interval: tuple[float | None, ...], is_reliable: bool | None
) -> None:
    """The view alone, on tables with one row."""
    scope = "'sound' as protocol, 'd' as dataset, 'test' as split, 'V1' as roi"
    with duckdb.connect() as connection:
        connection.execute(f"create table roi as select {scope}, 'early' as roi_group, 1 as roi_order")
        connection.execute(
            f"create table noise_ceiling as select {scope}, $1::double as lower, 0.4 as upper, "
            "$2::double as p_value, $3::double as interval_lower, $4::double as interval_upper, "
            "0.95 as level, 3 as n_subjects, 9 as n_stimuli, '' as remark",
            [lower, p_value, *interval],
        )
        [found] = connection.sql(sql_files("views", "marts")["region_ceiling"]).pl().iter_rows(named=True)
    assert found["is_reliable"] is is_reliable


def test_parameters_are_checked(warehouse: Warehouse) -> None:
    with pytest.raises(BadInput, match="no parameter 'rio'.*did you mean roi"):
        warehouse.ask("best_layer", rio="V1")
    with pytest.raises(BadInput, match="no question is called 'best_layers'.*did you mean best_layer"):
        warehouse.ask("best_layers")
