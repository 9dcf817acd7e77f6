"""Questions about networks, regions and groups, against polars, numpy or scipy on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from empty_warehouse import empty_warehouse
from made_up_warehouse import REGIONS, WEAK, made_up_tables, rows_batch, write_tables
from polars.testing import assert_frame_equal
from scipy.stats import spearmanr

from alignhouse.warehouse import BadInput, Warehouse
from alignhouse.warehouse.runs import Run
from alignhouse.warehouse.store import Writer

PAIR = {
    "dataset": "d",
    "split": "test",
    "remark": "made up",
    "group_by": "model",
    "n_a": 1,
    "n_b": 1,
    "level": 0.95,
    "draws": 9,
    "seed": 0,
    "protocol": "sound",
}
COMPLEXITY = {
    "dataset": "d",
    "split": "test",
    "remark": "made up",
    "given": "",
    "level": 0.9,
    "n_networks": 4,
    "n_left_out": 1,
    "draws": 9,
    "seed": 0,
}


@pytest.fixture(scope="module")
def tables() -> dict[str, list[dict[str, Any]]]:
    made = made_up_tables()
    made["difference_interval"] = [
        {**PAIR, "roi": "V1", "group_a": "a", "group_b": "c", "statistic": 0.1, **bounds, **kind}
        for kind, bounds in (
            ({"resampled": "stimuli", "method": "expanded_percentile"}, {"lower": -0.3, "upper": 0.4}),
            ({"resampled": "both", "method": "dual"}, {"lower": -0.5, "upper": 0.6}),
        )
    ]
    made["complexity"] = [
        {
            **COMPLEXITY,
            "protocol": protocol,
            "roi": roi,
            "figure": figure,
            "method": method,
            **dict(zip(("correlation", "lower", "upper"), numbers, strict=True)),
        }
        for protocol, roi, figure, method, *numbers in (
            ("sound", "MT", "gflops", "spearman", 0.5, 0.1, 0.8),
            ("sound", "V1", "top1", "spearman", None, None, None),
            ("sound", "V1", "gflops", "spearman", 0.2, -0.1, 0.4),
            ("sound", "V1", "gflops", "pearson", 0.3, -0.1, 0.4),
            ("paper", "V1", "gflops", "spearman", 0.4, -0.1, 0.4),
        )
    ]
    return made


@pytest.fixture(scope="module")
def warehouse(tables: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("questions") / "w"
    write_tables(folder, tables)
    with Warehouse.open(folder) as opened:
        yield opened


@pytest.fixture(scope="module")
def best(tables: Any) -> pl.DataFrame:
    """Best layers by polars: protocol, model and its facts, roi, layer, depth, rho, p_value."""
    alignment, layers = pl.DataFrame(tables["alignment"]), pl.DataFrame(tables["layer"])
    models = pl.DataFrame(tables["model"], infer_schema_length=None)
    tests = pl.DataFrame(tables["significance"]).filter(test="best_layer")
    return (
        alignment.group_by("protocol", "model", "layer", "roi")
        .agg(pl.col("rho").mean())
        .sort("rho", descending=True)
        .group_by("protocol", "model", "roi", maintain_order=True)
        .first()
        .join(layers, on=["protocol", "model", "layer"])
        .join(models.select("model", "model_type", "arch_type", "training_dataset", "objective"), on="model")
        .join(tests.select("protocol", "model", "roi", "p_value"), on=["protocol", "model", "roi"])
    )


@pytest.mark.parametrize("selection", [{}, {"roi_group": "lateral"}, {"roi": "V1"}])
def test_leaderboard(warehouse: Warehouse, best: pl.DataFrame, selection: dict[str, str]) -> None:
    answer = warehouse.ask("leaderboard", **selection).pl()
    regions = [
        roi
        for roi, (group, _) in REGIONS.items()
        if selection.get("roi", roi) == roi and selection.get("roi_group", group) == group
    ]
    upper = {roi: None if roi == WEAK else 0.7 + order / 20 for order, roi in enumerate(REGIONS)}
    chosen = best.filter(pl.col("roi").is_in(regions), protocol="sound").with_columns(
        place=pl.col("rho").rank("average", descending=True).over("roi"),
        share=pl.col("rho") / pl.col("roi").replace_strict(upper, return_dtype=pl.Float64),
    )
    expected = (
        chosen.sort("rho", descending=True)
        .group_by("model", maintain_order=True)
        .agg(
            n_regions=pl.len(),
            mean_rho=pl.col("rho").mean(),
            mean_place=pl.col("place").mean(),
            of_ceiling=pl.col("share").mean(),
            n_of_ceiling=pl.col("share").count(),
            best_roi=pl.col("roi").first(),
            best_rho=pl.col("rho").max(),
            n_significant=(pl.col("p_value") < 0.05).sum(),
        )
        .sort("mean_rho", descending=True)
    )
    assert_frame_equal(answer.select(expected.columns), expected, check_dtypes=False, abs_tol=1e-12)


@pytest.mark.parametrize(
    ("question", "column", "groups"),
    [("alignment_by_training_data", "training_dataset", 2), ("alignment_by_objective", "objective", 3)],
)
def test_alignment_by_a_fact_of_networks(
    warehouse: Warehouse, best: pl.DataFrame, question: str, column: str, groups: int
) -> None:
    answer = warehouse.ask(question).pl()
    assert len(answer) == groups * len(REGIONS)
    known = best.with_columns(pl.col("objective").fill_null("unknown"))
    for row in answer.iter_rows(named=True):
        group = known.filter(protocol="sound", roi=row["roi"]).filter(pl.col(column) == row[column])
        assert row["n_models"] == len(group)
        assert row["median_rho"] == pytest.approx(group["rho"].median())
        assert row["best_model"] == group.sort("rho")["model"][-1]
    assert answer["roi"].unique(maintain_order=True).to_list() == list(REGIONS)


def test_alignment_by_complexity(warehouse: Warehouse) -> None:
    columns = ("roi", "figure", "correlation", "lower", "upper", "n_networks", "n_left_out")
    answer = warehouse.ask("alignment_by_complexity").pl()
    assert answer.select(columns).rows() == [
        ("V1", "gflops", 0.2, -0.1, 0.4, 4, 1),
        ("V1", "top1", None, None, None, 4, 1),
        ("MT", "gflops", 0.5, 0.1, 0.8, 4, 1),
    ]
    pearson = warehouse.ask("alignment_by_complexity", method="pearson", figure="gflops").pl()
    assert pearson["correlation"].to_list() == [0.3]


@pytest.mark.parametrize("by", ["model_type", "arch_type", "training_dataset"])
def test_depth_of_best_layer(warehouse: Warehouse, best: pl.DataFrame, by: str) -> None:
    answer = warehouse.ask("depth_of_best_layer", by=by, protocol="paper").pl()
    expected = best.filter(protocol="paper").group_by("roi", by).agg("depth").rows()
    assert len(answer) == len(expected)
    for roi, group, depths in expected:
        row = answer.filter(roi=roi, group_name=group).row(0, named=True)
        assert row["n_models"] == len(depths)
        assert row["median_depth"] == pytest.approx(np.median(depths))
        assert row["mean_depth"] == pytest.approx(np.mean(depths))
        quartiles = (row["lower_quartile"], row["upper_quartile"])
        assert quartiles == pytest.approx(tuple(np.quantile(depths, [0.25, 0.75])))


def test_network_versus_network_either_way_round(warehouse: Warehouse, best: pl.DataFrame) -> None:
    rho = {
        (model, roi): value
        for model, roi, value in best.filter(protocol="sound").select("model", "roi", "rho").rows()
    }
    forth = warehouse.ask("network_versus_network", a="a", b="c").pl()
    back = warehouse.ask("network_versus_network", a="c", b="a").pl()
    assert forth["roi"].to_list() == list(REGIONS)
    for row in forth.iter_rows(named=True):
        assert row["difference"] == pytest.approx(rho["a", row["roi"]] - rho["c", row["roi"]])
    np.testing.assert_allclose(back["difference"], -forth["difference"])
    assert forth.select("lower", "upper").row(0) == (-0.3, 0.4)
    assert back.select("lower", "upper").row(0) == (-0.4, 0.3)
    assert forth["lower"][1:].null_count() == len(REGIONS) - 1
    dual = warehouse.ask("network_versus_network", a="c", b="a", resampled="both").pl()
    assert dual.select("lower", "upper").row(0) == (-0.6, 0.5)


def test_hemispheres(warehouse: Warehouse, best: pl.DataFrame) -> None:
    answer = warehouse.ask("hemispheres", by="arch_type").pl()
    assert answer["roi"].unique().to_list() == ["V1"]
    sides = best.filter(pl.col("roi").is_in(["lV1", "rV1"]), protocol="sound").pivot(
        "roi", index=["model", "arch_type"], values="rho"
    )
    assert len(answer) == 2
    for row in answer.iter_rows(named=True):
        group = sides.filter(arch_type=row["group_name"])
        left, right = group["lV1"].to_numpy(), group["rV1"].to_numpy()
        assert row["n_models"] == len(group)
        assert row["median_left"] == pytest.approx(np.median(left))
        assert row["median_right"] == pytest.approx(np.median(right))
        assert row["median_difference"] == pytest.approx(np.median(left - right))
        assert row["n_left_higher"] == (left > right).sum()
    assert warehouse.ask("hemispheres", roi="MT").pl().is_empty()


def test_hemispheres_are_found_from_names_if_parts_are_unknown(
    warehouse: Warehouse, tables: Any, tmp_path: Path
) -> None:
    # As in studies of RDM files, which have no information on the parts of regions.
    write_tables(tmp_path / "w", {name: rows for name, rows in tables.items() if name != "roi_part"})
    with Warehouse.open(tmp_path / "w") as without:
        assert without.ask("hemispheres").fetchall() == warehouse.ask("hemispheres").fetchall() != []


def test_networks_that_tie_share_their_place(tables: Any, tmp_path: Path) -> None:
    ties = [{**row, "rho": 0.25} for row in tables["alignment"]]
    write_tables(tmp_path / "w", tables | {"alignment": ties})
    with Warehouse.open(tmp_path / "w") as opened:
        answer = opened.ask("leaderboard").pl()
    assert answer["mean_place"].to_list() == [(len(answer) + 1) / 2] * len(answer)


@pytest.mark.parametrize("model", [None, "c"])
def test_region_profile(warehouse: Warehouse, best: pl.DataFrame, model: str | None) -> None:
    answer = warehouse.ask("region_profile", model=model).pl()
    wide = best.filter(protocol="sound").pivot("roi", index="model", values="rho")
    profiles = {row[0]: np.array(row[1:]) for row in wide.rows()}
    theirs = profiles[model] if model else np.mean(list(profiles.values()), axis=0)
    regions = np.array(wide.columns[1:])
    agreements = {name: spearmanr(own, theirs).statistic for name, own in profiles.items()}
    assert dict(answer.select("model", "agreement").rows()) == pytest.approx(agreements)
    assert answer["agreement"].to_list() == sorted(answer["agreement"], reverse=True)
    for row in answer.iter_rows(named=True):
        assert row["regions"] == " > ".join(regions[np.argsort(-profiles[row["model"]])])
        assert row["n_regions"] == len(regions)
    two = warehouse.ask("region_profile", roi_group="lateral").pl()
    assert two["agreement"].null_count() == len(two)


def test_signature(warehouse: Warehouse, best: pl.DataFrame) -> None:
    answer = warehouse.ask("signature", by="arch_type").pl()
    chosen = best.filter(protocol="sound").select("model", "roi", "layer", "arch_type")
    alignment = warehouse.sql("select * from alignment where protocol = 'sound'").pl()
    own = chosen.join(alignment, on=["model", "roi", "layer"])
    models, regions = (sorted(set(own[name])) for name in ("model", "roi"))
    subjects = sorted(set(own["subject"]))
    cube = np.empty((len(models), len(regions), len(subjects)))
    for row in own.iter_rows(named=True):
        cube[models.index(row["model"]), regions.index(row["roi"]), subjects.index(row["subject"])] = row[
            "rho"
        ]
    deviations = cube - cube.mean(axis=0)
    groups = dict(chosen.select("model", "arch_type").rows())
    signatures = deviations.mean(axis=2)
    alike = np.corrcoef(signatures)
    assert set(answer["model"]) == set(models)
    for row in answer.iter_rows(named=True):
        place = models.index(row["model"])
        of_subjects = [
            np.corrcoef(deviations[place, :, s], np.delete(deviations[place], s, axis=1).mean(axis=1))[0, 1]
            for s in range(len(subjects))
        ]
        assert row["reliability"] == pytest.approx(np.mean(of_subjects))
        assert (row["n_subjects"], row["n_regions"]) == (len(subjects), len(regions))
        others = [other for other in range(len(models)) if other != place]
        same = [groups[models[other]] == row["group_name"] for other in others]
        for column, wanted in (("within", True), ("between", False)):
            of_kind = alike[place, others][np.array(same) == wanted]
            assert row[column] == (pytest.approx(of_kind.mean()) if of_kind.size else None)
        assert row["alike"] == models[others[int(np.argmax(alike[place, others]))]]
        assert row["strongest_roi"] == regions[int(signatures[place].argmax())]
    two = warehouse.ask("signature", roi_group="lateral").pl()
    assert two["reliability"].null_count() == len(two)


def test_an_unfinished_study_lists_missing_results(tables: Any, warehouse: Warehouse, tmp_path: Any) -> None:
    whole = warehouse.ask("unfinished").pl()
    assert set(whole["what"]) == {"intervals"}
    assert len(whole) == 2 * 5 * len(REGIONS)
    without = [row for row in tables["alignment"] if (row["model"], row["roi"]) != ("b", "MT")]
    write_tables(tmp_path / "w", {**tables, "alignment": without})
    with pytest.raises(KeyboardInterrupt), Writer(tmp_path / "w", "t") as writer, Run(writer, "t", {}) as run:
        run.do("x", [rows_batch("model", [dict(tables["model"][0], gflops=9.0)], ("model",))])
        raise KeyboardInterrupt
    # The stopped run has replaced a row, so readers see it once the next writer has ended.
    with Writer(tmp_path / "w", "t"):
        pass
    with Warehouse.open(tmp_path / "w") as opened:
        answer = opened.ask("unfinished").pl()
    lacking = answer.filter(what="alignment").select("protocol", "model", "roi").rows()
    assert sorted(lacking) == [("paper", "b", "MT"), ("sound", "b", "MT")]
    [run_row] = answer.filter(what="run").rows(named=True)
    assert run_row["remark"].startswith("t, stopped, begun 20")


def test_provenance_goes_back_to_the_raw_files(tmp_path: Any, tables: Any) -> None:
    alignment = [row for row in tables["alignment"] if row["model"] == "a"]
    command = "alignhouse run x.toml"
    with Writer(empty_warehouse(tmp_path / "w"), command) as writer, Run(writer, command, {}) as run:
        for name in ("model", "roi", "protocol"):
            run.do(name, [rows_batch(name, tables[name], (name,))])
        made = {}
        for roi in ("V1", "MT"):
            raw = [dict(tables["roi_part"][0], part=f"of {roi}")]
            batch = rows_batch("roi_part", raw, ("part",), {f"betas of {roi}": f"hash-{roi}"})
            made[roi] = run.do(roi, [batch])[batch.jobs[0].key][0]
        inputs = {f"brain/{roi}": artifact.artifact for roi, artifact in made.items()}
        run.do("facts", [rows_batch("alignment", alignment, ("model",), inputs)])
    with Warehouse.open(tmp_path / "w") as opened:
        answer = opened.ask("provenance", model="a", roi="V1").pl()
        everything = opened.ask("provenance", model="a").pl()
    assert answer.select("step", "used_by", "input", "method").rows() == [
        (0, None, "alignment", "alignment"),
        (1, "alignment", "brain/V1", "roi_part"),
        (2, "roi_part", "betas of V1", None),
    ]
    assert answer["identity"].to_list()[1:] == [made["V1"].sha256, "hash-V1"]
    assert answer["command"].to_list() == [command, command, None]
    assert len(everything) == 5


def test_names_that_the_warehouse_does_not_know_are_refused(warehouse: Warehouse) -> None:
    with pytest.raises(BadInput, match="no roi called 'v1'.*did you mean.*V1"):
        warehouse.ask("best_layer", roi="v1")
    with pytest.raises(BadInput, match="no model called 'resnet'"):
        warehouse.ask("network_versus_network", a="a", b="resnet")
    with pytest.raises(BadInput, match="no protocol called 'other'"):
        warehouse.ask("leaderboard", protocol="other")
