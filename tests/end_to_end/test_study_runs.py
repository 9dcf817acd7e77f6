"""A study from raw files to answers: finished jobs are never done again."""

from __future__ import annotations

import io
import json
import pickle
from typing import Any

import numpy as np
import polars as pl
from mini_study import SCORE
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from alignhouse.warehouse import Warehouse

# The command of a study whose uncertainty is not the subject.


def test_the_alignment_in_the_warehouse_is_that_of_the_raw_files(finished: Any) -> None:
    with Warehouse.open(finished.warehouse) as opened:
        rows = opened.sql("select * from alignment").pl()
    assert len(rows) == 2 * 3 * 4 * 2 * 3  # protocols, networks, layers, regions, subjects
    parts = {"V1": ["lV1v", "rV1v", "lV1d", "rV1d"], "EBA": ["lEBA", "rEBA"]}
    for row in rows.iter_rows(named=True):
        subject = int(row["subject"].removeprefix("sub-"))
        betas = [
            pickle.loads(finished.betas(subject, part).read_bytes())["test_data_allvoxel"].mean(axis=1)
            for part in parts[row["roi"]]
        ]
        brain = pdist(np.concatenate(betas, axis=1), "correlation")
        model = np.load(finished.folder / "models" / row["model"] / "rdms.npz")[row["layer"]]
        assert abs(row["rho"] - spearmanr(brain, model).statistic) < 1e-6
        assert row["remark"] == "synthetic brains"


def test_run_again_it_does_nothing_and_says_so(finished: Any) -> None:
    before = finished.state()
    again = finished.run()
    assert "Nothing to do" in again.stdout
    assert finished.state() == before


def test_with_one_network_more_it_does_that_network_only(finished: Any) -> None:
    before = {path for path in finished.state() if path.startswith(("rdms", "betas", "nulls"))}
    finished.add_network("newcomer", seed=9)
    more = finished.run()
    new = {path for path in finished.state() if path.startswith(("rdms", "betas", "nulls"))} - before
    assert len(new) == 3, "its RDMs, and a null under each protocol"
    assert all("model=newcomer" in path for path in new)
    assert "AlexNet" not in more.stderr


def test_a_file_replaced_under_the_same_name_is_noticed(finished: Any) -> None:
    path = finished.betas(2, "lEBA")
    data = pickle.loads(path.read_bytes())
    data["test_data_allvoxel"] = data["test_data_allvoxel"][::-1]
    path.write_bytes(pickle.dumps(data))
    with Warehouse.open(finished.warehouse) as opened:
        before = opened.sql("select * from alignment").pl()
    finished.alignhouse(*SCORE)
    with Warehouse.open(finished.warehouse) as opened:
        after = opened.sql("select * from alignment").pl()
    key = ["protocol", "model", "layer", "roi", "subject"]
    changed = before.join(after, on=key, suffix="_after").filter(pl.col("rho") != pl.col("rho_after"))
    assert len(after) == len(before)
    assert set(changed.select("roi", "subject").rows()) == {("EBA", "sub-02")}


def test_other_permutations_are_scored_anew_from_stored_rdms(finished: Any) -> None:
    finished.change("permutations = 50", "permutations = 60")
    run = finished.alignhouse(*SCORE)
    assert "Storing betas" not in run.stderr
    with Warehouse.open(finished.warehouse) as opened:
        counts = opened.sql("select distinct permutations from significance").fetchall()
    assert counts == [(60,)]


def test_two_protocols_of_ones_own_live_beside_those_that_ship(study: Any) -> None:
    study.change('protocols = ["sound", "paper"]', 'protocols = ["sound", "mine"]')
    with study.file.open("a", encoding="utf-8") as file:
        file.write('[protocols.mine]\nbase = "sound"\nanalysis = { ceiling_combine = "rms" }\n')
    assert study.alignhouse(*SCORE).returncode == 0
    with Warehouse.open(study.warehouse) as opened:
        rows = opened.sql("select distinct protocol from noise_ceiling order by 1").fetchall()
        settings = opened.sql("select settings from protocol where protocol = 'mine'").fetchall()
    assert rows == [("mine",), ("sound",)]
    assert json.loads(settings[0][0])["analysis"]["ceiling_combine"] == "rms"


def test_one_subject_has_scores_but_neither_sem_nor_ceiling(study: Any) -> None:
    study.change("synthetic = true", 'synthetic = true\nsubjects = ["sub-02"]')
    assert study.alignhouse(*SCORE).returncode == 0
    with Warehouse.open(study.warehouse) as opened:
        assert opened.sql("select distinct sem, n_subjects from layer_score").fetchall() == [(None, 1)]
        ceilings = opened.sql("select distinct lower, upper, n_subjects from noise_ceiling").fetchall()
    assert ceilings == [(None, None, 1)]


def test_the_averaged_subjects_are_scored_as_one(study: Any) -> None:
    study.change("synthetic = true", "synthetic = true\naverage_subjects = true")
    assert study.alignhouse(*SCORE).returncode == 0
    with Warehouse.open(study.warehouse) as opened:
        assert opened.sql("select distinct subject from alignment").fetchall() == [("average",)]
    assert study.alignhouse("check").stdout == "All checks passed.\n"


def test_all_stimuli_of_both_splits_can_be_asked_for(study: Any) -> None:
    from PIL import Image

    for number in range(5):
        Image.new("RGB", (16, 16), (number, 0, 0)).save(study.folder / "stimuli" / f"{1 + number:04d}.png")
    study.change('dataset = "mini"', 'dataset = "mini"\nsplit = "all"')
    study.change('rdms = "models"', 'rdms = "models"\nconditions = "stimulus_order"')
    pairs = 17 * 16 // 2
    for network in ("AlexNet", "vit_base_patch16_224", "my_own"):
        np.savez(study.folder / "models" / network / "rdms.npz", a=np.random.default_rng(1).random(pairs))
    done = study.alignhouse(*SCORE)
    assert done.returncode == 0, done.stderr
    with Warehouse.open(study.warehouse) as opened:
        rows = opened.sql("select rho from alignment where roi = 'EBA' and subject = 'sub-01'").fetchall()
    betas = [pickle.loads(study.betas(1, part).read_bytes()) for part in ("lEBA", "rEBA")]
    patterns = [
        np.concatenate([each[f"{split}_data_allvoxel"].mean(axis=1) for split in ("train", "test")])
        for each in betas
    ]
    brain = pdist(np.concatenate(patterns, axis=1), "correlation")
    model = np.load(study.folder / "models" / "AlexNet" / "rdms.npz")["a"]
    expected = spearmanr(brain, model).statistic
    assert all(abs(rho - expected) < 1e-6 for (rho,) in rows)


def test_answers_come_in_every_format(finished: Any) -> None:
    question = ("ask", "alignment_by_model_type", "--roi", "V1")
    table = finished.alignhouse(*question)
    assert "synthetic brains" in table.stdout
    assert "image-in1k" in table.stdout
    csv = pl.read_csv(io.StringIO(finished.alignhouse(*question, "--format", "csv").stdout))
    records = json.loads(finished.alignhouse(*question, "--format", "json").stdout)
    finished.alignhouse(*question, "--format", "parquet", "--out", "answer.parquet")
    parquet = pl.read_parquet(finished.folder / "answer.parquet")
    assert (
        csv["median_rho"].to_list()
        == [each["median_rho"] for each in records]
        == parquet["median_rho"].to_list()
    )
    assert parquet["n_models"].to_list() == [2, 1] or parquet["n_models"].to_list() == [1, 2]


def test_any_sql_can_be_asked_and_nothing_written(finished: Any) -> None:
    count = finished.alignhouse("sql", "select count(*) as n from alignment", "--format", "json")
    assert json.loads(count.stdout) == [{"n": 144}]
    # A wrong query is shown with the place of the fault.
    for query, lines in (("select nonsense", 3), ("drop table alignment", 1), ("delete from alignment", 1)):
        refused = finished.alignhouse("sql", query)
        assert (refused.returncode, len(refused.stderr.splitlines())) == (2, lines)


def test_a_warehouse_is_rebuilt_from_its_parquet_files(finished: Any) -> None:
    tables = (
        "alignment",
        "significance",
        "noise_ceiling",
        "group_comparison",
        "layer",
        "model",
        "stimulus",
        "roi",
    )

    def content() -> dict[str, list[tuple[Any, ...]]]:
        with Warehouse.open(finished.warehouse) as opened:
            return {table: opened.sql(f"from {table} order by all").fetchall() for table in tables}

    before = content()
    (finished.warehouse / "warehouse.duckdb").unlink()
    assert finished.alignhouse("rebuild").returncode == 0
    assert content() == before
    assert "Nothing to do" in finished.run().stdout


def test_check_names_what_is_broken(finished: Any) -> None:
    assert finished.alignhouse("check").stdout == "All checks passed.\n"
    [first, *_] = sorted((finished.warehouse / "nulls").rglob("*.parquet"))
    first.write_bytes(first.read_bytes()[:-1] + b"!")
    found = finished.alignhouse("check")
    assert found.returncode == 1
    assert first.name in found.stdout
    assert "1 faults" in found.stderr
