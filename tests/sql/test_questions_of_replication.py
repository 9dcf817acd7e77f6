"""The same question over data sets: the values of the answer, against made-up rows and scipy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_warehouse import write_tables
from scipy.stats import spearmanr

from alignhouse.warehouse import Warehouse

# data set -> region -> network -> (rho of its only layer, p); d3 has no V1, and nobody else has OFC. Only two
# of three data sets have g.
SCORES: dict[str, dict[str, dict[str, tuple[float, float | None]]]] = {
    "d1": {
        "V1": {"a": (0.5, 0.01), "b": (0.4, 0.01), "c": (0.3, 0.2), "e": (0.9, 0.01)},
        "V2": {"a": (0.1, 0.01), "b": (0.6, 0.04), "c": (0.2, 0.3), "g": (0.9, 0.3)},
    },
    "d2": {
        "V1": {"a": (0.2, 0.03), "b": (0.3, 0.01), "c": (-0.1, 0.01), "f": (0.5, 0.01)},
        "V2": {"a": (0.2, 0.01), "b": (0.5, 0.01), "c": (0.3, None), "g": (-0.9, 0.5)},
    },
    "d3": {
        "V2": {"a": (0.3, 0.01), "b": (0.1, 0.5), "c": (0.2, 0.01)},
        "OFC": {"a": (0.7, 0.01)},
    },
}
UPPER = {"d1": 0.5, "d2": 0.8, "d3": 0.4}
# The noise ceiling of this region is no more than chance.
WEAK = ("d2", "V2")
ORDER = {"V1": ("early", 0), "V2": ("early", 1), "OFC": ("other", 2)}


def rows() -> dict[str, list[dict[str, Any]]]:
    tables: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("roi", "noise_ceiling", "alignment", "significance")
    }
    tables["protocol"] = [{"protocol": "sound", "settings": "{}"}]
    about = dict.fromkeys(("network", "family", "training_dataset", "source", "weights"), "x")
    kind = {"model_type": "image", "arch_type": "CNNs", "remark": ""}
    tables["model"] = [{"model": model, **kind, **about} for model in "abcefg"]
    layer = {"protocol": "sound", "layer": "l0", "layer_index": 0, "depth": 0.0}
    tables["layer"] = [{"model": model, **layer} for model in "abcefg"]
    for dataset, regions in SCORES.items():
        for roi, networks in regions.items():
            group, order = ORDER[roi]
            tables["roi"].append({"dataset": dataset, "roi": roi, "roi_group": group, "roi_order": order})
            scope = {"protocol": "sound", "dataset": dataset, "split": "test", "remark": "made up"}
            p_ceiling = 0.5 if (dataset, roi) == WEAK else 0.01
            bounds = {"lower": 0.1, "upper": UPPER[dataset], "p_value": p_ceiling, "n_subjects": 2}
            tables["noise_ceiling"].append({**scope, "roi": roi, **bounds})
            for model, (rho, p) in networks.items():
                place = {**scope, "model": model, "layer": "l0", "roi": roi}
                tables["alignment"].append({**place, "subject": "s1", "rho": rho})
                test = {**place, "statistic": rho, "permutations": 99, "seed": 0, "p_value": p}
                if p is not None:
                    tables["significance"] += [{**test, "test": name} for name in ("layer", "best_layer")]
    return tables


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replication") / "w"
    write_tables(folder, rows())
    return folder


def asked(warehouse: Path, **parameters: str) -> list[dict[str, Any]]:
    with Warehouse.open(warehouse) as opened:
        return list(opened.ask("replication", **parameters).pl().iter_rows(named=True))


def test_regions_and_networks_of_several_data_sets_are_compared(warehouse: Path) -> None:
    answer = asked(warehouse)
    found = [(row["region"], row["model"], row["dataset"]) for row in answer]
    # By mean rho. OFC is in one data set only, and so are e and f.
    assert found == [
        *(("V1", model, dataset) for model in "abc" for dataset in ("d1", "d2")),
        *(("V2", model, dataset) for model in "bca" for dataset in ("d1", "d2", "d3")),
        *(("V2", "g", dataset) for dataset in ("d1", "d2")),
    ]


def test_scores_are_ranked_among_the_networks_that_all_data_sets_have(warehouse: Path) -> None:
    first = {row["model"]: row for row in asked(warehouse, roi="V1") if row["dataset"] == "d1"}
    assert [first[model]["place"] for model in "abc"] == [1, 2, 3]  # e, with 0.9, is not in d2
    assert {row["n_models"] for row in first.values()} == {3}
    assert [first[model]["rho"] for model in "abc"] == pytest.approx([0.5, 0.4, 0.3])
    assert [first[model]["of_ceiling"] for model in "abc"] == pytest.approx([1.0, 0.8, 0.6])
    weak = [row for row in asked(warehouse, roi="V2") if row["dataset"] == "d2"]
    assert [(row["of_ceiling"], row["n_of_ceiling"]) for row in weak] == [(None, 0)] * 4
    assert {row["model"]: (row["place"], row["n_models"]) for row in weak} == {
        "b": (1, 3),
        "c": (2, 3),
        "a": (3, 3),
        "g": (None, None),  # d3 lacks it
    }


def test_a_finding_replicates_if_it_is_significant_and_positive_in_all_data_sets(warehouse: Path) -> None:
    verdicts = {(row["region"], row["model"]): row for row in asked(warehouse)}
    names = ("n_datasets", "datasets_positive", "datasets_significant", "replicates")
    assert {key: tuple(row[name] for name in names) for key, row in verdicts.items()} == {
        ("V1", "a"): (2, 2, 2, True),
        ("V1", "b"): (2, 2, 2, True),
        ("V1", "c"): (2, 1, 0, False),  # d2 has p = 0.01, but below 0
        ("V2", "a"): (3, 3, 3, True),
        ("V2", "b"): (3, 3, 2, False),
        ("V2", "c"): (3, 3, 1, None),  # d2 has no p-value
        ("V2", "g"): (2, 1, 0, False),
    }


def test_agreement_is_the_mean_rank_correlation_with_the_other_data_sets(warehouse: Path) -> None:
    scores = {dataset: [SCORES[dataset]["V2"][model][0] for model in "abc"] for dataset in SCORES}
    found = {row["dataset"]: row["agreement"] for row in asked(warehouse, roi="V2")}
    for dataset, own in scores.items():
        others = [spearmanr(own, other).statistic for name, other in scores.items() if name != dataset]
        assert found[dataset] == pytest.approx(sum(others) / len(others))


def test_groups_of_regions_are_compared_by_their_means(warehouse: Path) -> None:
    answer = asked(warehouse, by="roi_group", model="a")
    assert [(row["region"], row["dataset"], row["n_regions"]) for row in answer] == [
        ("early", "d1", 2),
        ("early", "d2", 2),
        ("early", "d3", 1),
    ]
    assert [row["rho"] for row in answer] == pytest.approx([0.3, 0.2, 0.3])
    assert [row["of_ceiling"] for row in answer] == pytest.approx([0.6, 0.25, 0.75])
    assert [(row["n_significant"], row["n_of_ceiling"]) for row in answer] == [(2, 2), (2, 1), (1, 1)]
    with pytest.raises(Exception, match="--by is roi or roi_group"):
        asked(warehouse, by="colour")


def test_one_data_set_alone_has_nothing_to_compare(warehouse: Path) -> None:
    assert asked(warehouse, roi="OFC") == []
    assert {row["model"] for row in asked(warehouse, model="b")} == {"b"}
