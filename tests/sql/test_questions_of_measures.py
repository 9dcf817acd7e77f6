"""Questions about other measures, networks beside networks and voxel encoding, against polars."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from made_up_warehouse import NETWORKS, REGIONS, made_up_tables, write_tables

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.questions import question
from alignhouse.warehouse.schema import sql_files

SCOPE = {"dataset": "d", "split": "test", "remark": "made up"}
CHANCE = {"level": 0.9, "draws": 9, "seed": 0}
RANDOM = np.random.default_rng(2)


def agreement_rows() -> list[dict[str, Any]]:
    rows = []
    for compared, roi, group_by in (
        *(("networks", roi, None) for roi in REGIONS),
        *(("groups", roi, "arch_type") for roi in REGIONS),
        ("regions", None, None),
    ):
        numbers = dict(zip(("lower", "statistic", "upper"), sorted(RANDOM.random(3).tolist()), strict=True))
        rows.append(
            {
                **SCOPE,
                **CHANCE,
                **numbers,
                "protocol": "paper",
                "other_protocol": "sound",
                "compared": compared,
                "roi": roi,
                "group_by": group_by,
                "n": 5,
                "resampled": "both",
            }
        )
    return rows


def similarity_rows(models: list[str]) -> list[dict[str, Any]]:
    return [
        {
            **SCOPE,
            "protocol": "sound",
            "roi": roi,
            "model": one,
            "layer": "l0",
            "other_model": other,
            "other_layer": "l1" if roi is None else "l0",
            "similarity": float(RANDOM.random()),
        }
        for index, one in enumerate(models)
        for other in models[index + 1 :]
        for roi in (*REGIONS, None)
    ]


def encoding_rows(models: list[str]) -> list[dict[str, Any]]:
    return [
        {
            **SCOPE,
            **CHANCE,
            "protocol": "sound-encoding",
            "model": model,
            "roi": roi,
            "layer": "l0",
            "votes": 1.0,
            "chosen_on": "train",
            "r": float(RANDOM.random()),
            "is_normalised": True,
            "n_subjects": 3,
            "r_by_chance": 0.01,
            "p_value": 0.02,
            "permutations": 99,
            "lower": 0.0,
            "upper": 1.0,
            "resampled": "both",
            "method": "dual",
        }
        for model in models
        for roi in REGIONS
    ]


SUBJECTS = ("s1", "s2", "s3")


def voxel_rows(models: list[str]) -> list[dict[str, Any]]:
    """Two layers of each network. In EBA, s3 has no voxel with signal."""
    return [
        {
            **SCOPE,
            "protocol": "sound-encoding",
            "model": model,
            "layer": layer,
            "roi": roi,
            "subject": subject,
            "r": float(RANDOM.random()),
            "r_normalised": None if (roi, subject) == ("EBA", "s3") else float(RANDOM.random()),
            "training_r2": 0.1,
            "n_voxels": int(RANDOM.integers(1, 99)),
            "n_left_out": int(RANDOM.integers(1, 9)),
        }
        for model in models
        for roi in REGIONS
        for layer in ("l0", "l1")
        for subject in SUBJECTS
    ]


def partition_rows(models: list[str]) -> list[dict[str, Any]]:
    numbers = ("r2_network", "r2_controls", "r2_both", "unique_network", "unique_controls", "shared")
    bounds = {
        f"{name}_{bound}": value
        for name in ("unique_network", "unique_controls")
        for bound, value in (("lower", -1.0), ("upper", 2.0))
    }
    fixed = {"protocol": "sound-encoding", "layer": "l0", "is_normalised": True, "n_subjects": 3}
    fixed |= {"n_voxels": 9, "controls": "hog", "n_controls": 1, "candidates": 60, "weights_per": "region"}
    fixed |= {"resampled": "both", "method": "dual", "reason": ""}
    return [
        {**SCOPE, **CHANCE, **fixed, **bounds, "model": model, "roi": roi}
        | {name: float(RANDOM.random()) for name in numbers}
        for model in models
        for roi in REGIONS
    ]


@pytest.fixture(scope="module")
def tables() -> dict[str, list[dict[str, Any]]]:
    made = made_up_tables()
    models = sorted(row["model"] for row in made["model"])
    settings = {"sound": {}, "paper": {"analysis": {"measure": "cka", "brain_distance": "squared_euclidean"}}}
    made["protocol"] = [
        {"protocol": name, "settings": json.dumps(each)}
        for name, each in (*settings.items(), ("sound-encoding", {"encoding": {}}))
    ]
    made["measure_agreement"] = agreement_rows()
    made["network_similarity"] = similarity_rows(models)
    made["encoding_best"] = encoding_rows(models)
    # Folds of network b chose several layers; EBA of network c has no ceiling.
    for row in made["encoding_best"]:
        row["votes"] = 0.6 if row["model"] == "b" else 1.0
        row["is_normalised"] = (row["model"], row["roi"]) != ("c", "EBA")
    made["encoding_score"] = voxel_rows(models)
    made["variance_partition"] = partition_rows(models)
    return made


@pytest.fixture(scope="module")
def warehouse(tables: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("measures")
    write_tables(folder, tables)
    with Warehouse.open(folder) as opened:
        yield opened


def test_measure_agreement(tables: Any, warehouse: Warehouse) -> None:
    answer = warehouse.ask("measure_agreement").pl()
    assert len(answer) == len(tables["measure_agreement"])
    assert set(answer["measure"]) == {"cka"}
    assert set(answer["other_measure"]) == {"spearman"}
    assert answer["compared"].unique(maintain_order=True).to_list() == ["networks", "groups", "regions"]
    best = warehouse.sql("select protocol, model, roi, layer from best_layer").pl()
    one, other = (best.filter(protocol=name).drop("protocol") for name in ("paper", "sound"))
    same = one.join(other, on=["model", "roi"], suffix="_other")
    shares = dict(same.group_by("roi").agg((pl.col("layer") == pl.col("layer_other")).mean()).iter_rows())
    for row in answer.iter_rows(named=True):
        [stored] = [
            each
            for each in tables["measure_agreement"]
            if (each["compared"], each["roi"]) == (row["compared"], row["roi"])
        ]
        assert (row["agreement"], row["lower"], row["upper"]) == (
            stored["statistic"],
            stored["lower"],
            stored["upper"],
        )
        expected = shares[row["roi"]] if row["compared"] == "networks" else None
        assert row["same_layer"] == (expected if expected is None else pytest.approx(expected))
    some = warehouse.ask("measure_agreement", compared="networks", roi="V1", protocol="sound").pl()
    assert some.select("compared", "roi").rows() == [("networks", "V1")]
    assert warehouse.ask("measure_agreement", protocol="sound-encoding").pl().is_empty()


def test_alike(tables: Any, warehouse: Warehouse) -> None:
    pairs = pl.DataFrame(tables["network_similarity"], infer_schema_length=None)
    untrained = {row["model"]: row["weights"] == "random" for row in tables["model"]}
    every = warehouse.ask("alike").pl()
    assert len(every) == 10
    both = pl.concat(
        [pairs, pairs.rename({"model": "other_model", "other_model": "model"}).select(pairs.columns)]
    )
    for asked, expected in ((every, pairs), (warehouse.ask("alike", model="c").pl(), both.filter(model="c"))):
        for row in asked.iter_rows(named=True):
            own = expected.filter(model=row["model"], other_model=row["other_model"])
            of_regions = own.drop_nulls("roi")["similarity"]
            assert row["similarity"] == pytest.approx(of_regions.mean())
            assert row["n_regions"] == len(REGIONS)
            assert row["most_alike"] == own.filter(pl.col("roi").is_null())["similarity"].item()
            assert row["other_is_untrained"] == untrained[row["other_model"]]
        assert asked["similarity"].to_list() == sorted(asked["similarity"], reverse=True)
    of_c = warehouse.ask("alike", model="c").pl()
    assert set(of_c["other_model"]) == {"a", "b", "d", "e"}
    # The layers of a pair that is stored the other way round.
    assert of_c.filter(other_model="a").select("layer", "other_layer").rows() == [("l1", "l0")]
    one = warehouse.ask("alike", model="c", roi="V1").pl()
    assert set(one["n_regions"]) == {1}


def test_encoding(tables: Any, warehouse: Warehouse) -> None:
    answer = warehouse.ask("encoding").pl()
    stored = {(row["model"], row["roi"]): row for row in tables["encoding_best"]}
    best = {
        (model, roi): rho
        for model, roi, rho in warehouse.sql(
            "select model, roi, rho from best_layer where protocol = 'sound'"
        ).fetchall()
    }
    assert len(answer) == len(stored)
    for row in answer.iter_rows(named=True):
        key = (row["model"], row["roi"])
        assert row["r"] == stored[key]["r"]
        assert row["best_rho"] == best[key]
        assert row["r_by_chance"] == 0.01
    assert answer["roi"].unique(maintain_order=True).to_list() == list(REGIONS)
    some = warehouse.ask("encoding", roi="V1", model="a").pl()
    assert some.select("model", "roi").rows() == [("a", "V1")]
    lateral = warehouse.ask("encoding", roi_group="lateral").pl()
    assert set(lateral["roi_group"]) == {"lateral"}
    assert warehouse.ask("encoding", protocol="paper").pl().is_empty()
    assert len(NETWORKS) == 5


def test_an_encoding_counts_its_subjects_with_signal(tables: Any, warehouse: Warehouse) -> None:
    rows = warehouse.sql("from voxel_encoding").pl()
    stored = {(row["model"], row["roi"]): row for row in tables["encoding_best"]}
    scores = pl.DataFrame(tables["encoding_score"], infer_schema_length=None)
    assert len(rows) == len(stored)
    for row in rows.iter_rows(named=True):
        best = stored[row["model"], row["roi"]]
        own = scores.filter(model=row["model"], roi=row["roi"], layer="l0")
        if best["is_normalised"]:
            own = own.drop_nulls("r_normalised")
            assert (row["r_normalised"], len(own)) == (best["r"], 2 if row["roi"] == "EBA" else 3)
            expected = own["r"].mean() if row["model"] != "b" else None
            assert row["r"] == (expected if expected is None else pytest.approx(expected))
        else:
            assert (row["r"], row["r_normalised"], len(own)) == (best["r"], None, 3)
        assert row["score"] == best["r"]
        assert (row["n_voxels"], row["n_left_out"]) == (own["n_voxels"].sum(), own["n_left_out"].sum())


def in_figure(warehouse: Warehouse, name: str, **given: Any) -> pl.DataFrame:
    asked = question(name, "figures")
    return warehouse.sql(asked.sql, asked.bind(given)).pl()


def test_medians_and_chance_of_the_figure_of_encodings(warehouse: Warehouse) -> None:
    found = in_figure(warehouse, "encoding", by="arch_type")
    rows = warehouse.sql("from voxel_encoding").pl()
    assert len(found) == len(rows) == 5 * len(REGIONS)
    one = found.filter(roi="V1", arch_type="CNNs")
    assert set(one["group_name"]) == {"CNNs"}
    assert set(one["group_median"]) == {rows.filter(roi="V1", arch_type="CNNs")["score"].median()}
    assert found["mean_by_chance"].to_list() == pytest.approx([0.01] * len(found))
    # A score in another unit is in no median of the others.
    alone = found.filter(model="c", roi="EBA")
    assert alone["group_median"].to_list() == alone["score"].to_list()
    others = found.filter(pl.col("model") != "c", roi="EBA", arch_type="CNNs")
    assert others["group_median"].to_list() == pytest.approx([others["score"].median()] * 2)
    some = in_figure(warehouse, "encoding", rois=["V1"], models=["a"])
    assert some.select("model", "roi").rows() == [("a", "V1")]
    assert in_figure(warehouse, "encoding", protocol="paper-encoding").is_empty()


def test_the_parts_of_the_figure_of_variance(tables: Any, warehouse: Warehouse) -> None:
    found = in_figure(warehouse, "variance_partition")
    stored = pl.DataFrame(tables["variance_partition"])
    assert len(found) == 3 * len(stored)
    for part in ("unique_network", "unique_controls", "shared"):
        of_part = found.filter(part=part)
        both = of_part.join(stored, on=["model", "roi"], suffix="_stored")
        assert (both["share"] == both[part]).all()
        bounds = (None, None) if part == "shared" else (-1.0, 2.0)
        assert set(of_part.select("lower", "upper").rows()) == {bounds}
        medians = dict(of_part.select("roi", "part_median").rows())
        for roi in REGIONS:
            assert medians[roi] == pytest.approx(stored.filter(roi=roi)[part].median())
    assert len(in_figure(warehouse, "variance_partition", rois=["V1"], models=["a"])) == 3


def test_the_report_reads_encodings_of_one_data_set_and_split(tables: Any, warehouse: Warehouse) -> None:
    queries, scope = sql_files("report"), {"dataset": "d", "split": "test"}
    layers = warehouse.sql(queries["encoding_layer"], scope).pl()
    scores = pl.DataFrame(tables["encoding_score"], infer_schema_length=None)
    assert len(layers) == 2 * 5 * len(REGIONS)
    for row in layers.filter(roi="EBA").iter_rows(named=True):
        own = scores.filter(model=row["model"], layer=row["layer"], roi="EBA")
        assert row["r"] == pytest.approx(own["r"].mean())
        assert row["r_normalised"] == pytest.approx(own["r_normalised"].mean())
        assert (row["n_subjects"], row["n_voxels"]) == (3, own["n_voxels"].sum())
    parts = warehouse.sql(queries["variance_partition"], scope).pl()
    assert parts["roi"].unique(maintain_order=True).to_list() == list(REGIONS)
    assert parts.filter(roi="V1")["unique_network"].is_sorted(descending=True)
    encoding = warehouse.sql(queries["encoding"], scope).pl()
    assert encoding.filter(roi="V1")["score"].is_sorted(descending=True)
    for name in ("encoding", "encoding_layer", "variance_partition"):
        assert warehouse.sql(queries[name], {**scope, "split": "all"}).pl().is_empty()
