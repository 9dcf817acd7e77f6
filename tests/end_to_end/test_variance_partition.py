"""Variance partitions in a study: rows equal the statistics on the stored betas, features and controls."""

from __future__ import annotations

import html
import json
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from betas_in_memory import read_betas
from encoded_study import NAMES, add_controls, encode_features, write_embeddings
from mini_study import N_STIMULI
from PIL import Image
from scipy.spatial.distance import pdist

from alignhouse.analysis.figures.catalog import make
from alignhouse.analysis.figures.request import Request
from alignhouse.analysis.jobs import partition_regions
from alignhouse.analysis.report import pictures
from alignhouse.analysis.report.gather import write_report_of
from alignhouse.analysis.statistics.control_grams import control_gram
from alignhouse.analysis.statistics.intervals import mean_interval
from alignhouse.analysis.statistics.regression import stimulus_folds
from alignhouse.analysis.statistics.variance_partition import Splits, partition
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.reliability import ncsnr
from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import BadInput, Warehouse

TRAIN = [f"{number:04d}" for number in range(1, 16)]


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_regions, "CANDIDATES", 6)


@pytest.fixture
def study(full_study: Any) -> Any:
    return full_study


@pytest.fixture
def encoded(study: Any) -> Any:
    """A finished study with voxel encoding over folds."""
    encode_features(study, NAMES)
    run_study(read_study(study.file), command="before")
    return study


def with_controls(study: Any) -> None:
    add_controls(study)
    run_study(read_study(study.file), command="controlled")


def write_betas(study: Any) -> None:
    """Betas that depend on the features of a layer and on the embeddings, besides noise."""
    random = np.random.default_rng(8)
    features = np.load(study.folder / "features" / "my_own" / "two.npz")["features"]
    words = np.loadtxt(study.folder / "words.csv", delimiter=",", skiprows=1, usecols=(1, 2, 3))
    for file in sorted((study.folder / "betas").rglob("*.pkl")):
        signal = features @ random.normal(size=(7, 20)) + 2 * words @ random.normal(size=(3, 20))
        betas = signal[:, None] + random.normal(size=(len(signal), 10, 20))
        train, test = betas[: len(TRAIN), :3], betas[len(TRAIN) :]
        file.write_bytes(pickle.dumps({"train_data_allvoxel": train, "test_data_allvoxel": test}))


def rows(study: Any, query: str) -> pl.DataFrame:
    with Warehouse.open(study.warehouse) as opened:
        return opened.sql(query).pl()


def expected_medians(
    study: Any, row: Any, splits: Splits, of_splits: tuple[str, ...]
) -> list[dict[str, float]]:
    """The parts of each subject in EBA, from the files of betas, features and embeddings."""
    features = np.load(study.folder / "features" / "my_own" / f"{row['layer']}.npz")["features"]
    words = np.loadtxt(study.folder / "words.csv", delimiter=",", skiprows=1, usecols=(1, 2, 3))
    [hog] = rows(study, "select path from artifact where path like '%control=hog%'")["path"]
    hog_rdm = np.array(pl.read_parquet(study.warehouse / hog)["rdm"].to_list())[0]
    grams = [control_gram(hog_rdm, "euclidean"), control_gram(pdist(words, "cosine"), "cosine")]
    medians = []
    for subject in (1, 2, 3):
        parts = [
            BetaFile(f"sub-{subject:02d}", part, study.betas(subject, part)) for part in ("lEBA", "rEBA")
        ]
        read = [read_betas(part) for part in parts]
        betas = [np.concatenate([each[split] for each in read], axis=2) for split in of_splits]
        snr = ncsnr(betas)
        responses = np.concatenate([each.mean(axis=1) for each in betas]).astype(np.float32)
        groups = [np.arange(responses.shape[1])] if row["weights_per"] == "region" else []
        its = partition(
            [features @ features.T], grams, splits, responses, candidates=row["candidates"], groups=groups
        )
        medians.append(its.medians(np.sqrt(snr**2 / (snr**2 + 1 / 10))))
    return medians


def check_means(row: Any, medians: list[dict[str, float]]) -> None:
    for column, part in (
        ("r2_network", "one"),
        ("r2_controls", "other"),
        ("r2_both", "both"),
        ("unique_network", "unique_one"),
        ("unique_controls", "unique_other"),
        ("shared", "shared"),
    ):
        assert row[column] == pytest.approx(np.mean([each[part] for each in medians]), abs=1e-4), column
    assert (row["is_normalised"], row["n_subjects"]) == (True, 3)


def check_report(study: Any, row: dict[str, Any]) -> None:
    """Both sections with the stored numbers, and a figure in each."""
    with Warehouse.open(study.warehouse) as opened:
        for name in ("encoding", "encoding_rsa", "variance_partition"):
            # Both names of the protocol are understood.
            names = ("sound", row["protocol"])
            one, other = (make(opened, name, Request(protocol=each, rois=["EBA"])) for each in names)
            assert one.title == other.title
            assert "sound-encoding protocol · mini, test" in one.title
            assert one.plot.data["roi"].cast(pl.String).unique().to_list() == ["EBA"]
            assert "1 network, 3 subjects." in one.caption
        places: dict[str | None, Any] = {}

        def noted(warehouse: Warehouse, request: Request, group_by: Any, asked: Any) -> list[Any]:
            places[request.protocol] = asked
            return []

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pictures, "planned_figures", noted)
            page = write_report_of(opened, study.folder / "report").read_text(encoding="utf-8")
    assert places == {
        "sound": ("every protocol", "first protocol"),
        "sound-encoding": ("encoding", "variance partition"),
    }
    text = html.unescape(page)
    for said in (
        "Voxel encoding: sound-encoding protocol, mini, test",
        "Variance partitioning: sound-encoding protocol, mini, test",
        f"{row['unique_network']:.3f}",
        "1 network, 2 regions, beside 2 control models (hog, embeddings).",
        "It was not estimated (refits = 0 in [encoding])",
        "2 encodings have no p-value",
        "random search over 6 weight vectors",
        "synthetic brains",
    ):
        assert said in text, said
    stored = pl.read_parquet(study.folder / "report" / "data" / "variance_partition.parquet")
    assert stored.filter(roi="EBA")["shared"].to_list() == [row["shared"]]


def test_rows_equal_the_statistics_and_no_other_job_changes(encoded: Any) -> None:
    query = "select artifact, coalesce(table_name, path) as kind from artifact where is_current"
    before = rows(encoded, query)
    with_controls(encoded)
    after = rows(encoded, query)
    assert set(before["artifact"]) <= set(after["artifact"])
    added = after.join(before, on="artifact", how="anti")["kind"].to_list()
    assert {each.split("/")[0] for each in added} == {
        "control",
        "control_score",
        "beyond_controls",
        "variance_partition",
        "rdms",
    }
    found = rows(encoded, "select * from variance_partition")
    best = rows(encoded, "select model, roi, layer from encoding_best")
    assert found.join(best, on=["model", "roi", "layer"]).height == len(found) == 2
    [row] = found.filter(roi="EBA").iter_rows(named=True)
    assert (row["controls"], row["n_controls"], row["reason"]) == ("hog, embeddings", 2, "")
    splits = Splits.of((), (), stimulus_folds(N_STIMULI, row["seed"]))
    medians = expected_medians(encoded, row, splits, ("test",))
    check_means(row, medians)
    for column, part in (("unique_network", "unique_one"), ("unique_controls", "unique_other")):
        interval = mean_interval([each[part] for each in medians])
        assert row[f"{column}_lower"] == pytest.approx(interval.lower, abs=1e-4)
        assert row[f"{column}_upper"] == pytest.approx(interval.upper, abs=1e-4)
    assert (row["resampled"], row["method"], row["draws"]) == ("subjects", "student", 0)
    answer = json.loads(
        encoded.alignhouse("ask", "variance_partition", "--roi", "EBA", "--format", "json").stdout
    )
    assert [each["unique_network"] for each in answer] == [row["unique_network"]]
    check_report(encoded, row)
    assert run_study(read_study(encoded.file), command="again").jobs_done == 0
    encoded.change("refits = 0", 'refits = 0\nweights_per = "voxel"')
    assert run_study(read_study(encoded.file), command="other weights").jobs_done == 1


def test_a_training_split_gives_intervals_over_stimuli_and_subjects(
    study: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_features(study, [*TRAIN, *NAMES])
    pixels = np.random.default_rng(5).integers(0, 255, (len(TRAIN), 16, 16, 3), dtype=np.uint8)
    for name, picture in zip(TRAIN, pixels, strict=True):
        Image.fromarray(picture).save(study.folder / "stimuli" / f"{name}.png")
    write_betas(study)
    study.change("refits = 0", 'refits = 0\nweights_per = "voxel"')
    study.change("synthetic = true", 'synthetic = true\nsplit = "all"')
    # V1 has 240 voxels and EBA 120, of 852 bytes each in half of the memory.
    every, read = partition_regions.regions_in_memory, []
    memory = 400_000

    def in_little_memory(*arguments: Any) -> Iterator[Any]:
        for voxels in every(*arguments[:-1], memory):
            read.append(list(voxels.places))
            yield voxels

    monkeypatch.setattr(partition_regions, "regions_in_memory", in_little_memory)
    with pytest.raises(BadInput, match="variance of region V1, 240 voxels of all subjects: expected"):
        with_controls(study)
    memory = 500_000
    run_study(read_study(study.file), command="again")
    assert read == [["V1"], ["EBA"]]
    [row] = rows(study, "select * from variance_partition where roi = 'EBA'").iter_rows(named=True)
    n = len(TRAIN)
    splits = Splits.of(np.arange(n), np.arange(n, n + N_STIMULI))
    medians = expected_medians(study, row, splits, ("train", "test"))
    check_means(row, medians)
    assert (row["resampled"], row["method"], row["draws"]) == ("both", "dual", 20)
    for name in ("unique_network", "unique_controls"):
        assert row[f"{name}_lower"] < row[name] < row[f"{name}_upper"]


def test_controls_without_differences_in_a_fold_are_left_out_with_a_reason(encoded: Any) -> None:
    # All stimuli but one have the same embedding, so some folds do not vary.
    embeddings = np.ones((N_STIMULI, 3))
    embeddings[0, 0] = 5
    write_embeddings(encoded, NAMES, embeddings)
    with_controls(encoded)
    reason = "left out: embeddings (it is equal for all stimuli of a fit or a fold)"
    found = rows(encoded, "select * from variance_partition")
    assert set(found["reason"]) == {reason}
    assert set(found["controls"]) == {"hog"}
    assert found["unique_network"].null_count() == 0
    encoded.change(', "hog"', "")
    run_study(read_study(encoded.file), command="only embeddings")
    found = rows(encoded, "select * from variance_partition")
    assert set(found["reason"]) == {reason}
    assert (set(found["n_controls"]), set(found["n_voxels"])) == ({0}, {0})
    for column in ("r2_network", "r2_both", "unique_network", "unique_network_lower", "is_normalised"):
        assert found[column].null_count() == len(found) == 2
