"""Queries of figures, against numpy, scipy and polars, on tables from this file."""

from __future__ import annotations

from functools import cache
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy import stats

from alignhouse.warehouse.questions import question
from alignhouse.warehouse.schema import sql_files

RHO = np.random.default_rng(0).normal(0.2, 0.1, size=(130, 2, 2)).round(6)  # network, region, protocol
REGIONS = (("V1", "early", 10), ("MT", "lateral", 160))
PROTOCOLS = ("sound", "paper")


def facts(n: int) -> dict[str, str]:
    """The type of network n: one type has 100 networks, one has 25, and five have one each."""
    return {
        "model_type": "image-in1k" if n < 100 else "video-k400" if n < 125 else f"type{n}",
        "arch_type": "CNNs" if n % 2 else "Transformers",
        "family": f"family{n // 3}",
        "training_dataset": "K400" if n % 3 else "SSv2",
        "objective": "masked" if n % 2 else "supervised",
        "weights": "random" if n % 5 == 0 else "pretrained",
    }


def scope(protocol: str) -> dict[str, str]:
    return {"protocol": protocol, "dataset": "d", "split": "test", "remark": "made up"}


def best_layers() -> pl.DataFrame:
    return pl.DataFrame(
        [
            scope(protocol)
            | facts(n)
            | {
                "model": f"net{n:03d}",
                "roi": roi,
                "roi_group": group,
                "roi_order": order,
                "layer": f"l{n % 3 if protocol == 'sound' or n % 4 else 9}",
                "layer_index": n % 3,
                "depth": 0.5,
                "rho": float(RHO[n, r, p]),
                "sem": 0.01,
                "n_subjects": 9 + r,
                "p_value": 0.01,
            }
            for n in range(len(RHO))
            for r, (roi, group, order) in enumerate(REGIONS)
            for p, protocol in enumerate(PROTOCOLS)
        ]
    )


def ask(name: str, tables: dict[str, pl.DataFrame], **given: Any) -> pl.DataFrame:
    asked, connection = question(name, "figures"), _connection()
    for table, frame in tables.items():
        connection.register(table, frame)
    try:
        return connection.sql(asked.sql, params=asked.bind(given)).pl()
    finally:
        for table in tables:
            connection.unregister(table)


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    """One for all questions: each new one takes DuckDB 20 ms."""
    return duckdb.connect()


def group_tests(*rows: tuple[str, str, str | None, int, float]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            scope("sound")
            | {
                "roi": roi,
                "group_by": "model_type",
                "group_a": a,
                "group_b": b,
                "n_a": n,
                "n_b": None,
                "statistic": 0.1,
                "p_value": p,
                "p_adjusted": p if b else None,
                "correction": "holm",
            }
            for roi, a, b, n, p in rows
        ],
        infer_schema_length=None,
        schema_overrides={"group_b": pl.String, "n_b": pl.Int32, "p_adjusted": pl.Float64},
    )


TESTS = group_tests(
    ("V1", "image-in1k", None, 100, 0.004),
    ("V1", "video-k400", None, 24, 0.004),
    ("V1", "image-in1k", "video-k400", 100, 0.03),
)


@pytest.mark.parametrize(
    "by", ["model_type", "arch_type", "family", "training_dataset", "objective", "weights"]
)
def test_medians_of_groups_are_of_their_networks_under_one_protocol(by: str) -> None:
    found = ask("best_layer", {"best_layer": best_layers(), "group_comparison": TESTS}, by=by)
    assert found.height == len(RHO) * 2
    for roi in ("V1", "MT"):
        for group in {facts(n)[by] for n in range(len(RHO))}:
            rows = found.filter(roi=roi, group_name=group)
            members = [n for n in range(len(RHO)) if facts(n)[by] == group]
            expected = np.median(RHO[members, 0 if roi == "V1" else 1, 0])
            assert rows["group_size"].unique().to_list() == [len(members)]
            assert rows["group_median"].unique().to_list() == [pytest.approx(expected)]
    one = found.filter(model="net007")
    assert one["model_mean"].unique().to_list() == [pytest.approx(RHO[7, :, 0].mean())]


def test_a_group_has_the_p_of_its_own_test_and_no_other() -> None:
    found = ask("best_layer", {"best_layer": best_layers(), "group_comparison": TESTS}, rois=["V1"])
    p = dict(found.select("group_name", "group_p").unique().iter_rows())
    assert p["image-in1k"] == 0.004
    assert p["video-k400"] is None  # the test was of 24 networks, these are 25
    assert p["type127"] == 0.01  # the type of a single network
    few = ask(
        "best_layer",
        {"best_layer": best_layers(), "group_comparison": TESTS},
        models=["net000", "net001"],
    )
    assert few.filter(roi="V1")["group_p"].to_list() == [None, None]


def test_protocols_as_groups_take_all_protocols() -> None:
    tables = {"best_layer": best_layers(), "group_comparison": TESTS}
    found = ask("best_layer", tables, by="protocol", rois=["MT"])
    medians = dict(found.select("group_name", "group_median").unique().iter_rows())
    assert medians == {name: pytest.approx(np.median(RHO[:, 1, p])) for p, name in enumerate(PROTOCOLS)}
    with pytest.raises(duckdb.Error, match="--by is model_type"):
        ask("best_layer", tables, by="colour")


def test_pairs_are_given_only_where_all_networks_are_drawn() -> None:
    found = ask("group_pairs", {"group_comparison": TESTS})
    assert found.select("group_a", "group_b", "p_adjusted").rows() == [("image-in1k", "video-k400", 0.03)]
    assert ask("group_pairs", {"group_comparison": TESTS}, models=["net000"]).is_empty()
    assert ask("group_pairs", {"group_comparison": TESTS}, by="arch_type").is_empty()


def depth_profiles() -> pl.DataFrame:
    best = best_layers().drop("layer", "layer_index", "depth", "sem", "p_value", "n_subjects")
    return pl.concat(best.with_columns(depth=pl.lit(at), rho=pl.col("rho") * (1 + at)) for at in (0.0, 0.5))


def test_bands_are_students_intervals_of_the_mean() -> None:
    found = ask("depth_band", {"depth_profile": depth_profiles(), "best_layer": best_layers()})
    seen = set()
    for row in found.iter_rows(named=True):
        members = [n for n in range(len(RHO)) if facts(n)["model_type"] == row["group_name"]]
        values = RHO[members, 0 if row["roi"] == "V1" else 1, 0] * (1 + row["depth"])
        assert (row["n_models"], row["rho"]) == (len(members), pytest.approx(values.mean()))
        assert row["n_subjects"] == (9 if row["roi"] == "V1" else 10)
        assert row["n_random"] == sum(facts(n)["weights"] == "random" for n in members)
        if len(members) == 1:
            assert row["lower"] is row["upper"] is None
            continue
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert (row["lower"], row["upper"]) == (pytest.approx(interval.low), pytest.approx(interval.high))
        seen.add(len(members))
    assert seen == {100, 25}


@pytest.mark.parametrize("size", [2, 3, 4, 30, 31, 32, 33, 60, 130])
def test_the_band_is_that_of_student_for_any_number_of_networks(size: int) -> None:
    few = [f"net{n:03d}" for n in range(size)]
    one_type = depth_profiles().with_columns(model_type=pl.lit("t"))
    found = ask(
        "depth_band", {"depth_profile": one_type, "best_layer": best_layers()}, models=few, rois=["V1"]
    )
    row = found.filter(depth=0.0).row(0, named=True)
    if size < 3:
        assert row["lower"] is None
        return
    interval = stats.ttest_1samp(RHO[:size, 0, 0], 0).confidence_interval(0.95)
    assert row["upper"] - row["rho"] == pytest.approx(interval.high - RHO[:size, 0, 0].mean(), rel=2e-6)


def intervals(kinds: list[tuple[str, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            scope("sound")
            | {
                "model": "net000",
                "layer": "l0",
                "roi": "V1",
                "test": "layer",
                "resampled": resampled,
                "method": method,
                "level": 0.95,
                "lower": float(place),
                "upper": float(place),
            }
            for place, (resampled, method) in enumerate(kinds)
        ],
        schema_overrides={"lower": pl.Float64, "upper": pl.Float64},
    )


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [
        (
            [
                ("stimuli", "percentile"),
                ("stimuli", "expanded_percentile"),
                ("both", "percentile"),
                ("both", "dual"),
            ],
            3.0,
        ),
        ([("stimuli", "percentile"), ("stimuli", "expanded_percentile")], 1.0),
        ([("subjects", "percentile")], None),
    ],
)
def test_a_layer_has_one_interval_the_widest_meaning_first(
    kinds: list[tuple[str, str]], chosen: float | None
) -> None:
    best = best_layers()
    tables = {"layer_score": best, "best_layer": best, "score_interval": intervals(kinds)}
    found = ask("layer_score", tables, rois=["V1"], most=200)
    assert found.height == len(RHO)
    assert found.filter(model="net000")["lower"].to_list() == [chosen]


def test_the_best_layer_is_the_first_of_those_with_the_highest_score() -> None:
    row = best_layers().filter(model="net000", protocol="sound").drop("layer", "layer_index", "rho")
    layers = pl.DataFrame({"layer": ["l0", "l1", "l2"], "layer_index": [0, 1, 2], "rho": [0.1, 0.3, 0.3]})
    scores = row.join(layers, how="cross")
    tables = {
        "layer_score": scores,
        "best_layer": best_layers(),
        "score_interval": intervals([("both", "dual")]),
    }
    found = ask("layer_score", tables)
    assert found.select("roi", "layer", "is_best").rows() == [
        (roi, layer, layer == "l1") for roi in ("V1", "MT") for layer in ("l0", "l1", "l2")
    ]


def test_the_networks_that_align_best_with_the_regions_come_first() -> None:
    best = best_layers()
    tables = {"layer_score": best, "best_layer": best, "score_interval": intervals([("both", "dual")])}
    found = ask("layer_score", tables, rois=["MT"], most=5)
    order = np.argsort(-RHO[:, 1, 0], kind="stable")[:5]
    assert found["model"].to_list() == [f"net{n:03d}" for n in order]
    assert found["n_models"].unique().to_list() == [len(RHO)]


def test_lines_are_least_squares_through_the_networks_that_have_the_figure() -> None:
    models = pl.DataFrame(
        [
            {
                "model": f"net{n:03d}",
                "parameters": 10**6 + n * 10**5,
                "gflops": None if n % 2 else 1.0 + n,
                "top1": None,
            }
            for n in range(len(RHO))
        ],
        schema_overrides={"gflops": pl.Float64, "top1": pl.Float64},
        infer_schema_length=None,
    )
    correlations = pl.DataFrame(
        [
            scope("sound")
            | {
                "roi": "V1",
                "figure": figure,
                "given": given,
                "method": method,
                "correlation": None if figure == "top1" else 0.5,
                "lower": 0.1,
                "upper": 0.7,
                "level": 0.95,
                "n_networks": 7,
                "n_left_out": 1,
            }
            for figure in ("parameters", "gflops", "top1")
            for given in ("", "top1")
            for method in ("pearson", "spearman")
        ],
        infer_schema_length=None,
    )
    tables = {"best_layer": best_layers(), "model": models, "complexity": correlations}
    found = ask("complexity", tables, rois=["V1"])
    assert found.height == 3 * len(RHO)
    for figure, x, there in (
        ("parameters", np.log10(10**6 + np.arange(len(RHO)) * 10.0**5), slice(None)),
        ("gflops", np.log10(1.0 + np.arange(len(RHO))), slice(None, None, 2)),
    ):
        rows = found.filter(figure=figure)
        known = rows.drop_nulls("x")
        np.testing.assert_allclose(known["x"], x[there])
        slope, intercept = np.polyfit(x[there], RHO[there, 0, 0], 1)
        ends = rows.select("x_from", "rho_from", "x_to", "rho_to").unique().row(0)
        low, high = x[there].min(), x[there].max()
        assert ends == pytest.approx((low, intercept + slope * low, high, intercept + slope * high))
        assert rows["correlation"].unique().to_list() == [0.5]
    none = found.filter(figure="top1")
    assert none.select("value", "x", "x_from", "rho_to", "correlation").unique().rows() == [(None,) * 5]
    without = ask("complexity", {**tables, "complexity": correlations.clear()}, rois=["V1"])
    assert without["correlation"].is_null().all()
    assert without["rho_from"].is_null().all()


def test_a_ranking_has_the_subjects_of_the_best_layers_of_the_highest_networks() -> None:
    best = best_layers()
    alignment = pl.concat(
        best.select("protocol", "dataset", "split", "model", "roi", "remark").with_columns(
            layer=pl.lit(f"l{layer}"), subject=pl.lit(f"s{s}"), rho=pl.lit(layer + s / 10)
        )
        for layer in (0, 1, 2, 9)
        for s in range(3)
    )
    tables = {"best_layer": best, "alignment": alignment, "score_interval": intervals([("both", "dual")])}
    found = ask("ranking", tables, rois=["V1"], most=4)
    order = np.argsort(-RHO[:, 0, 0], kind="stable")[:4]
    assert found.height == 4 * 3
    for place, n in enumerate(order, start=1):
        rows = found.filter(place=place)
        assert rows["model"].unique().to_list() == [f"net{n:03d}"]
        assert rows["rho"].unique().to_list() == [RHO[n, 0, 0]]
        np.testing.assert_allclose(rows["subject_rho"], n % 3 + np.arange(3) / 10)
    assert found["n_models"].unique().to_list() == [len(RHO)]
    # The only interval is of another layer than the best.
    assert found["lower"].is_null().all()


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [
        ([("stimuli", "expanded_percentile"), ("both", "percentile"), ("both", "dual")], 2.0),
        ([("both", "bias_corrected"), ("stimuli", "percentile"), ("stimuli", "expanded_percentile")], 2.0),
        ([("subjects", "percentile"), ("stimuli", "percentile")], 1.0),
    ],
)
def test_a_rank_has_the_interval_that_generalises_most(kinds: list[tuple[str, str]], chosen: float) -> None:
    best = best_layers().with_columns(layer=pl.lit("l0"))
    alignment = best.select("protocol", "dataset", "split", "model", "roi", "layer", "rho").with_columns(
        subject=pl.lit("s0")
    )
    of_layer = intervals([("both", "dual")]).with_columns(lower=pl.lit(9.0))
    of_best = intervals(kinds).with_columns(test=pl.lit("best_layer"))
    tables = {"best_layer": best, "alignment": alignment, "score_interval": pl.concat([of_layer, of_best])}
    found = ask("ranking", tables, rois=["V1"], most=200)
    assert found.height == len(RHO)
    place = ["lower", "upper", "level", "resampled"]
    assert found.filter(model="net000").select(place).rows() == [
        (chosen, chosen, 0.95, kinds[int(chosen)][0])
    ]
    assert found.filter(pl.col("model") != "net000")["lower"].is_null().all()


def test_training_data_are_compared_overall_and_within_families() -> None:
    found = ask("training_dataset", {"best_layer": best_layers()}, rois=["V1"])
    on_k400 = [n for n in range(len(RHO)) if n % 3]
    rows = found.filter(training_dataset="K400")
    assert rows["dataset_median"].unique().to_list() == [pytest.approx(np.median(RHO[on_k400, 0, 0]))]
    # family2 is networks 6 (SSv2), 7 and 8 (K400); the last family has network 129 alone
    family = found.filter(family="family2")
    assert family["family_datasets"].unique().to_list() == [2]
    medians = dict(family.select("training_dataset", "family_median").unique().iter_rows())
    assert medians == {"SSv2": RHO[6, 0, 0], "K400": pytest.approx(RHO[7:9, 0, 0].mean())}
    assert found.filter(family="family43")["family_datasets"].to_list() == [1]


def test_protocols_differ_by_the_difference_of_their_best_layers() -> None:
    found = ask("protocol_difference", {"best_layer": best_layers()}, rois=["MT"])
    ordered = found.sort("model")
    np.testing.assert_allclose(ordered["difference"], RHO[:, 1, 0] - RHO[:, 1, 1])
    wide = found.filter(model_type="video-k400")["group_median"].unique().to_list()
    assert wide == [pytest.approx(np.median(RHO[100:125, 1, 0] - RHO[100:125, 1, 1]))]
    assert found["same_layers"][0] == pytest.approx(np.mean([n % 4 != 0 for n in range(len(RHO))]))
    back = ask(
        "protocol_difference", {"best_layer": best_layers()}, protocol="paper", other="sound", rois=["MT"]
    )
    np.testing.assert_allclose(back.sort("model")["difference"], -ordered["difference"])
    assert ask("protocol_difference", {"best_layer": best_layers()}, other="sound").is_empty()


def test_hemispheres_are_regions_that_are_there_left_and_right() -> None:
    names = {"V1": "lV1", "MT": "rV1"}
    best = best_layers().with_columns(roi=pl.col("roi").replace(names))
    extra = best.filter(roi="lV1").with_columns(roi=pl.lit("lEBA"), roi_order=pl.lit(140, pl.Int64))
    best = pl.concat([best, extra])
    regions = best.select("dataset", "roi", "roi_group", "roi_order").unique()
    ceilings = (
        best.select("protocol", "dataset", "split", "roi")
        .unique()
        .with_columns(
            lower=pl.when(pl.col("roi") == "lV1").then(0.3),
            upper=pl.lit(0.6),
            is_reliable=pl.col("roi") == "lV1",
        )
    )
    with duckdb.connect() as connection:
        connection.register("roi", regions)
        sides = connection.sql(sql_files("views", "marts")["hemisphere"]).pl()
    tables = {"best_layer": best, "hemisphere": sides, "region_ceiling": ceilings}
    found = ask("hemispheres", tables)
    drawn = found.select("roi", "side_roi", "hemisphere", "lower", "is_reliable").unique()
    assert drawn.sort("hemisphere").rows() == [
        ("V1", "lV1", "left", 0.3, True),
        ("V1", "rV1", "right", None, False),
    ]
    assert found["roi_order"].unique().to_list() == [10]
    for place, side in enumerate(("left", "right")):
        rows = found.filter(hemisphere=side)
        assert rows.height == len(RHO)
        assert rows["group_median"].unique().to_list() == [pytest.approx(np.median(RHO[:, place, 0]))]
    assert ask("hemispheres", tables, rois=["EBA"]).is_empty()
    assert ask("hemispheres", tables, rois=["V1"]).height == 2 * len(RHO)


def test_networks_that_are_best_in_a_group_of_regions_are_named() -> None:
    found = ask("drawn_networks", {"best_layer": best_layers()})
    best = {row["model"]: row["best_of"] for row in found.iter_rows(named=True) if row["best_of"]}
    first, second = (f"net{int(RHO[:, r, 0].argmax()):03d}" for r in (0, 1))
    assert best == (
        {first: ["early"], second: ["lateral"]} if first != second else {first: ["early", "lateral"]}
    )
    regions = ask("drawn_regions", {"best_layer": best_layers()})
    assert regions.rows() == [("V1", "early", 10, 1), ("MT", "lateral", 160, 1)]


def test_the_region_of_a_group_with_the_highest_median_comes_first() -> None:
    """V2 has the highest median; V3 has the highest single network."""
    rho = {"V1": [0.1, 0.1, 0.5], "V2": [0.2, 0.3, 0.3], "V3": [0.0, 0.0, 0.9], "MT": [0.0, 0.0, 0.0]}
    rows = [
        scope("sound")
        | {"roi": roi, "roi_group": "lateral" if roi == "MT" else "early", "roi_order": order, "rho": value}
        for order, (roi, values) in enumerate(rho.items())
        for value in values
    ]
    found = ask("drawn_regions", {"best_layer": pl.DataFrame(rows)})
    assert found.select("roi", "place").rows() == [("V1", 2), ("V2", 1), ("V3", 3), ("MT", 1)]


def annotations(column: str, *rows: tuple[str, str, int]) -> pl.DataFrame:
    """Labels of stimuli of data set d: stimulus, label and its place in an annotator's list."""
    columns = {"stimulus": pl.String, column: pl.String, "label_order": pl.Int32}
    return pl.DataFrame(list(rows), schema=columns, orient="row").with_columns(dataset=pl.lit("d"))


def test_a_stimulus_has_the_label_that_was_named_most_often() -> None:
    files = [("d", "s1", "test", "a"), ("d", "s2", "test", "b"), ("other", "s1", "test", "z")]
    tables = {
        "stimulus": pl.DataFrame(files, schema=["dataset", "stimulus", "split", "sha256"], orient="row"),
        "stimulus_object": annotations("object", ("s1", "dog", 2), ("s1", "ball", 0), ("s1", "dog", 1)),
        # Named equally often: the one that comes first in a list, then the first by name.
        "stimulus_scene": annotations("scene", ("s2", "beach", 1), ("s2", "sea", 0)),
        "stimulus_action": annotations("action", ("s3", "run", 0), ("s3", "jump", 0)),
    }
    assert ask("drawn_stimuli", tables, dataset="d").rows() == [
        ("s1", "a", "dog", None, None),
        ("s2", "b", None, "sea", None),
        ("s3", None, None, None, "jump"),
    ]
