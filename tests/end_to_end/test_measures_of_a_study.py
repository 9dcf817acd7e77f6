"""A study by several measures: each has all results, questions take --measure, nothing old is done again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from betas_in_memory import read_betas
from mini_study import MiniStudy
from one_format import one_format

import alignhouse
from alignhouse.analysis.figures.catalog import make
from alignhouse.analysis.figures.request import Request
from alignhouse.analysis.report.gather import gather
from alignhouse.analysis.report.page import write_report
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import BadInput, Warehouse

MEASURES = (
    "permutations = 50\n",
    'permutations = 50\nmeasures = ["rho_a", "whitened_cosine", "kendall_tau_a"]\n',
)
BY_RANKS = ("sound", "paper")


@pytest.fixture(scope="module")
def measured(run_once: Callable[..., MiniStudy], tmp_path_factory: pytest.TempPathFactory) -> MiniStudy:
    """The finished study, run again with three more measures; tests do not change its warehouse."""
    study = MiniStudy(shutil.copytree(run_once().folder, tmp_path_factory.mktemp("measured") / "study"))
    study.change(*MEASURES)
    done = study.run()
    assert done.returncode == 0, done.stderr
    study.said.write_text(done.stderr, encoding="utf-8")
    return study


def test_more_measures_add_protocols_and_change_nothing_else(measured: Any) -> None:
    with Warehouse.open(measured.warehouse) as opened:

        def rows(query: str) -> list[tuple[Any, ...]]:
            return opened.sql(query).fetchall()

        measures = dict(rows("select protocol, measure from stg_protocol"))
        of_run = rows("select method, settings ->> '$.protocol' from artifact where run = 2")
        tables = (
            *("alignment", "significance", "noise_ceiling", "score_interval", "layer_choice"),
            *("group_comparison", "difference_interval", "complexity", "layer", "best_layer"),
        )
        counts = {
            table: dict(rows(f"select protocol, count(*) from {table} group by protocol")) for table in tables
        }
        pairs = rows("select distinct protocol, other_protocol from measure_agreement order by all")
    assert measures == {
        "sound": "spearman",
        "paper": "spearman",
        "sound-rho_a": "rho_a",
        "sound-whitened_cosine": "whitened_cosine",
        "sound-kendall_tau_a": "kendall_tau_a",
    }
    # The run did nothing for protocols that were there; RDMs were not made again.
    assert not [
        (method, name) for method, name in of_run if name in BY_RANKS and method != "measure_agreement"
    ]
    assert not [method for method, _ in of_run if method in ("brain_rdm", "precomputed_rdms", "reliability")]
    for table, of_table in counts.items():
        assert of_table.keys() == measures.keys(), table
        assert len({of_table[name] for name in measures if name != "paper"}) == 1, table
    # Protocols that differ in more than the measure are not compared.
    assert pairs == [
        ("sound", "sound-kendall_tau_a"),
        ("sound", "sound-rho_a"),
        ("sound", "sound-whitened_cosine"),
        ("sound-rho_a", "sound-kendall_tau_a"),
        ("sound-rho_a", "sound-whitened_cosine"),
        ("sound-whitened_cosine", "sound-kendall_tau_a"),
    ]


def test_questions_figures_and_notebooks_take_a_measure(measured: Any) -> None:
    asked = ("ask", "leaderboard", "--format", "json")
    by_measure, by_name, own, plain = (
        json.loads(measured.alignhouse(*asked, *more).stdout)
        for more in (
            ("--measure", "whitened_cosine"),
            ("--protocol", "sound-whitened_cosine"),
            ("--measure", "spearman"),
            (),
        )
    )
    assert by_measure == by_name != plain
    assert own == plain
    wrong = measured.alignhouse("ask", "leaderboard", "--measure", "cka")
    assert wrong.returncode == 2
    assert "sound-cka" in wrong.stderr
    assert "--measure NAME" in measured.alignhouse("ask", "leaderboard", "--help").stdout
    assert "--measure NAME" not in measured.alignhouse("ask", "runs", "--help").stdout
    assert measured.alignhouse("ask", "runs", "--measure", "cka").returncode == 2
    agreement = json.loads(
        measured.alignhouse("ask", "measure_agreement", "--compared", "networks", "--format", "json").stdout
    )
    assert {row["roi"] for row in agreement} == {"V1", "EBA"}
    assert all(-1 <= row["agreement"] <= 1 and 0 <= row["same_layer"] <= 1 for row in agreement)
    # rho-a and Spearman's rho differ only by ties, and these RDMs have none.
    same = [row for row in agreement if row["protocol"] == "sound" and row["other_measure"] == "rho_a"]
    assert [(row["agreement"], row["same_layer"]) for row in same] == [(1.0, 1.0)] * 2
    alike = json.loads(measured.alignhouse("ask", "alike", "--model", "my_own", "--format", "json").stdout)
    assert {row["other_model"] for row in alike} == {"AlexNet", "vit_base_patch16_224"}
    assert {row["model"] for row in alike} == {"my_own"}
    assert all(row["similarity"] <= row["most_alike"] + 1e-6 for row in alike)
    every = json.loads(measured.alignhouse("ask", "alike", "--format", "json").stdout)
    assert len(every) == 3
    with alignhouse.open(measured.warehouse) as opened:
        frame = opened.ask("leaderboard", measure="whitened_cosine")
        assert frame["mean_rho"].to_list() == [row["mean_rho"] for row in by_measure]
        labels = [opened.figure("ranking", measure=name).labels.x for name in ("whitened_cosine", "rho_a")]
    assert labels == ["whitened cosine, best layer", "rho-a, best layer"]
    file = measured.folder / "figure.svg"
    done = measured.alignhouse("figure", "ranking", "--measure", "kendall_tau_a", "--out", str(file))
    assert done.returncode == 0, done.stderr
    assert "Kendall's tau-a, best layer" in file.read_text(encoding="utf-8")
    by_tau = json.loads(measured.alignhouse(*asked, "--measure", "kendall_tau_a").stdout)
    assert len(by_tau) == len(plain)
    assert {row["other_measure"] for row in agreement if row["protocol"] == "sound"} == {
        "rho_a",
        "whitened_cosine",
        "kendall_tau_a",
    }


def test_a_report_shows_the_protocols_of_one_measure(measured: Any) -> None:
    with Warehouse.open(measured.warehouse) as opened, one_format(most=0):
        pages = {
            measure: write_report(
                gather(opened, "mini", "test", ["model_type"], measure), measured.folder / str(measure)
            ).read_text(encoding="utf-8")
            for measure in (None, "whitened_cosine", "kendall_tau_a")
        }
        with pytest.raises(BadInput, match="no scores by measure 'cka': expected kendall_tau_a, rho_a"):
            gather(opened, "mini", "test", ["model_type"], "cka")
    plain, whitened, by_tau = pages.values()
    # Other measures are named where the report says how far they agree.
    assert "Agreement of rankings between measures" in plain
    assert "sound-rho_a protocol" not in plain
    assert "sound-whitened_cosine" in whitened
    assert "Scores are whitened cosines of RDMs instead" in whitened
    assert "(whitened cosine = " in whitened
    assert "(rho = " not in whitened
    assert "Scores are Kendall&#39;s tau-a instead" in by_tau
    assert "(tau-a = " in by_tau
    assert "(rho = " in plain
    # Differences between protocols are told within one measure only.
    assert "under sound as under paper" in plain
    wrong = measured.alignhouse("report", "wrong", "--measure", "cka")
    assert wrong.returncode == 2
    assert "no scores by measure 'cka'" in wrong.stderr


def test_protocols_are_compared_with_others_of_the_same_measure(measured: Any) -> None:
    with Warehouse.open(measured.warehouse) as opened:
        drawn = make(opened, "protocol_difference", Request())
    assert drawn.plot.labels.y == "Spearman rho, sound minus paper"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            [MEASURES, ('"sound", "paper"', '"paper"')],
            "analysis.measures: expected a protocol whose null permutes rows and columns, such as sound",
        ),
        ([("permutations = 50", 'permutations = 50\nmeasures = ["cka2"]')], "spearman.*rho_a.*cka_debiased"),
        (
            [
                MEASURES,
                ('"sound", "paper"', '"sound", "sound-rho_a"'),
                ("[report]", '[protocols.sound-rho_a]\nbase = "sound"\n[report]'),
            ],
            "sound-rho_a.*the name of a protocol of analysis.measures",
        ),
        (
            [
                ('"sound", "paper"', '"mine"'),
                ("[report]", '[protocols.mine]\nbase = "sound"\nanalysis = {measure = "cka"}\n[report]'),
            ],
            r"\[protocols.mine\]: expected extraction.distance and analysis.brain_distance squared_euclidean "
            "with measure cka, instead of correlation and correlation",
        ),
        (
            [
                ('"sound", "paper"', '"mine"'),
                ("[report]", '[protocols.mine]\nbase = "paper"\nanalysis = {measure = "pearson"}\n[report]'),
            ],
            r"\[protocols.mine\]: analysis: expected null rows_and_columns with measure pearson",
        ),
        (
            [MEASURES, ("permutations = 50", "tau_a_limit = 1e6\npermutations = 50")],
            r"kendall_tau_a of 12 layers, 2 regions, 12 stimuli, 50 permutations and 1,000 bootstraps: "
            r"expected at most 1.0e\+06 multiplications \(analysis.tau_a_limit\), found \d.\de\+\d\d, "
            r"about 1 h on \d+ cores.*use rho_a",
        ),
    ],
    ids=["no protocol", "unknown", "two of a name", "distances", "null", "too much"],
)
def test_measures_that_cannot_be_computed_are_refused(
    full_study: Any, changes: list[tuple[str, str]], message: str
) -> None:
    for change in changes:
        full_study.change(*change)
    with pytest.raises(BadInput, match=message):
        run_study(read_study(full_study.file), command="test")
    assert not full_study.warehouse.exists()


def test_cka_is_that_of_the_features_and_the_betas(full_study: Any) -> None:
    study = full_study
    random = np.random.default_rng(3)
    names = [f"{1001 + number}" for number in range(12)]
    of_network = {"one": random.normal(size=(12, 30)), "two": random.normal(size=(12, 7)) + 3}
    for layer, features in of_network.items():
        (study.folder / "features" / "my_own").mkdir(parents=True, exist_ok=True)
        np.savez(study.folder / "features" / "my_own" / f"{layer}.npz", features=features, conditions=names)
    study.change('rdms = "models"', 'features = "features"')
    study.change(
        'protocols = ["sound", "paper"]', 'protocols = ["sound"]\nmeasures = ["cka", "cka_debiased"]'
    )
    study.change("permutations = 50", "permutations = 50\nbootstraps = 20\nhalvings = 3")
    run_study(read_study(study.file), command="test")
    parts = [BetaFile("sub-02", part, study.betas(2, part)) for part in ("lEBA", "rEBA")]
    patterns = np.concatenate([read_betas(file)["test"].astype(float).mean(axis=1) for file in parts], axis=1)
    with Warehouse.open(study.warehouse) as opened:
        found = dict(
            opened.sql(
                "select layer, rho from alignment where protocol = 'sound-cka' and roi = 'EBA' "
                "and subject = 'sub-02'"
            ).fetchall()
        )
        distances = opened.sql(
            "select protocol, network_distance, brain_distance from stg_protocol"
        ).fetchall()
        tables = opened.sql(
            "select count(distinct protocol) from noise_ceiling union all "
            "select count(distinct protocol) from score_interval union all "
            "select count(distinct protocol) from layer_choice"
        ).fetchall()
    for layer, features in of_network.items():
        x, y = features - features.mean(axis=0), patterns - patterns.mean(axis=0)
        own = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
        assert found[layer] == pytest.approx(np.linalg.norm(x.T @ y) ** 2 / own, abs=1e-6)
    squared = ("squared_euclidean", "squared_euclidean")
    assert set(distances) == {
        ("sound", "correlation", "correlation"),
        ("sound-cka", *squared),
        ("sound-cka_debiased", *squared),
    }
    assert tables == [(3,)] * 3


def test_cka_of_ready_rdms_is_refused(study: Any) -> None:
    study.change("permutations = 50", 'permutations = 50\nmeasures = ["cka"]')
    with pytest.raises(BadInput, match="protocol sound-cka, distance.*expected features"):
        run_study(read_study(study.file), command="test")
    assert not study.warehouse.exists()
