"""Betas are stored once and used by every region; absent, damaged or unreliable data are reported."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from mini_study import INGEST, ONE_PROTOCOL, SCORE, WITHOUT_RESAMPLES
from plain_reliability import ncsnr_plainly, reliability_plainly
from scipy.spatial.distance import pdist

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.artifacts import read_metadata
from alignhouse.warehouse.vectors import read_vectors

ALL_PARTS = {"V1": ["lV1v", "rV1v", "lV1d", "rV1d"], "EBA": ["lEBA", "rEBA"]}
VIDEOS = {"train": [f"{i:04d}" for i in range(1, 6)], "test": [str(1001 + i) for i in range(12)]}


def stored_rdms(warehouse: Path, split: str = "test") -> dict[tuple[str, str], np.ndarray]:
    """(region, subject) -> RDM, of every file of brain RDMs."""
    found = {}
    for path in sorted(warehouse.glob(f"rdms/kind=brain/*/split={split}/*/*.parquet")):
        names, rdms = read_vectors(path, "rdm")
        for row, rdm in zip(names.iter_rows(named=True), rdms, strict=True):
            found[row["roi"], row["subject"]] = rdm
    return found


def raw(path: Path) -> dict[str, np.ndarray]:
    content: dict[str, np.ndarray] = pickle.loads(path.read_bytes())
    return content


def rewrite(path: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    content = raw(path)
    change(content)
    path.write_bytes(pickle.dumps(content))


def expected_rdm(study: Any, subject: int, parts: list[str], splits: tuple[str, ...]) -> np.ndarray:
    means = [
        np.concatenate(
            [raw(study.betas(subject, part))[f"{split}_data_allvoxel"].mean(axis=1) for split in splits]
        )
        for part in parts
    ]
    return pdist(np.concatenate(means, axis=1), "correlation")


def ask(study: Any, query: str) -> pl.DataFrame:
    with Warehouse.open(study.warehouse) as opened:
        answer: pl.DataFrame = opened.sql(query).pl()
        return answer


def test_brain_rdms_of_any_split_are_those_of_the_raw_files(study: Any) -> None:
    assert study.alignhouse("ingest", "betas", "betas", "-w", "mini.alignhouse").returncode == 2
    options = ["-w", "mini.alignhouse", "--regions", "V1,EBA"]
    stored = study.alignhouse("ingest", "betas", "betas", *options)
    assert stored.returncode == 0, stored.stderr
    for split in ("test", "train", "all"):
        made = study.alignhouse("ingest", "brain-rdms", *options, "--split", split)
        assert made.returncode == 0, made.stderr
        splits = ("train", "test") if split == "all" else (split,)
        rdms = stored_rdms(study.warehouse, split)
        assert len(rdms) == 6
        for (roi, subject), rdm in rdms.items():
            expected = expected_rdm(study, int(subject[-2:]), ALL_PARTS[roi], splits)
            np.testing.assert_allclose(rdm, expected, atol=1e-6, err_msg=split)
        names = [name for each in splits for name in VIDEOS[each]]
        for path in study.warehouse.glob(f"rdms/kind=brain/*/split={split}/*/*.parquet"):
            assert read_metadata(path)["about"]["conditions"] == names


def test_every_region_is_asked_of_the_same_stored_betas(study: Any) -> None:
    options = ["-w", "mini.alignhouse"]
    study.alignhouse("ingest", "betas", "betas", *options, "--regions", "V1,EBA")
    betas = {path for path in study.state() if path.startswith("betas")}
    assert len(betas) == 3 * 6 * 2, "subjects, parts, splits"
    for regions in ("V1,EBA", "lV1,rV1,rEBA", "lV1v,rV1d"):
        made = study.alignhouse("ingest", "brain-rdms", *options, "--regions", regions)
        assert made.returncode == 0, made.stderr
    assert {path for path in study.state() if path.startswith("betas")} == betas
    rdms = stored_rdms(study.warehouse)
    for roi, parts in {"lV1": ["lV1v", "lV1d"], "rEBA": ["rEBA"], "rV1d": ["rV1d"], **ALL_PARTS}.items():
        np.testing.assert_allclose(
            rdms[roi, "sub-02"], expected_rdm(study, 2, parts, ("test",)), atol=1e-6, err_msg=roi
        )
    made_of = ask(study, "select roi, part from roi_part where roi = 'lV1' order by part_order").rows()
    assert made_of == [("lV1", "lV1v"), ("lV1", "lV1d")]


def test_stored_betas_serve_when_the_raw_files_are_gone(copy_finished: Callable[..., Any]) -> None:
    study = copy_finished(ONE_PROTOCOL)
    before = ask(study, "select * from alignment order by all")
    shutil.rmtree(study.folder / "betas")
    study.change('path = "betas"\n', "")
    study.change('regions = ["V1", "EBA"]', 'regions = ["V1", "EBA", "lEBA"]')
    again = study.alignhouse(*SCORE)
    assert again.returncode == 0, again.stderr
    after = ask(study, "select * from alignment order by all")
    keys = ["protocol", "model", "layer", "roi", "subject"]
    joined = before.join(after, on=keys, suffix="_after")
    assert joined["rho"].equals(joined["rho_after"].alias("rho"))
    assert set(after["roi"]) == {"V1", "EBA", "lEBA"}


def test_a_part_without_voxels_is_absent_in_that_subject_only(study: Any) -> None:
    def empty(content: dict[str, np.ndarray]) -> None:
        content["train_data_allvoxel"] = np.zeros((5, 3, 0))
        content["test_data_allvoxel"] = np.zeros((12, 10, 0))

    rewrite(study.betas(2, "lEBA"), empty)
    study.change(*ONE_PROTOCOL)
    run = study.alignhouse(*SCORE)
    assert run.returncode == 0, run.stderr
    assert "Absent: EBA of sub-02 (lEBA has no voxels)" in run.stderr
    rows = ask(study, "select roi, subject, absent_because from subject_region order by all").rows()
    assert rows[1] == ("EBA", "sub-02", "lEBA has no voxels")
    assert all(reason is None for _, _, reason in [*rows[:1], *rows[2:]])
    assert set(ask(study, "select distinct subject from alignment where roi = 'EBA'")["subject"]) == {
        "sub-01",
        "sub-03",
    }
    ceilings = ask(study, "select roi, n_subjects from noise_ceiling where protocol = 'sound' order by roi")
    assert ceilings.rows() == [("EBA", 2), ("V1", 3)]
    assert ask(study, "select subject from region_reliability where roi = 'EBA' order by all").rows() == [
        ("sub-01",),
        ("sub-03",),
    ]
    told = study.alignhouse("ask", "regions", "--format", "json", "-w", "mini.alignhouse")
    by_roi = {row["roi"]: row for row in json.loads(told.stdout)}
    assert by_roi["EBA"]["absent"] == "sub-02 (lEBA has no voxels)"
    assert (by_roi["EBA"]["subjects"], by_roi["V1"]["subjects"], by_roi["V1"]["absent"]) == (2, 3, None)
    assert study.alignhouse("check", "-w", "mini.alignhouse").returncode == 0
    assert "Nothing to do" in study.alignhouse(*SCORE).stdout

    # After a better file replaces it, the reason is gone.
    shutil.copy(study.betas(1, "lEBA"), study.betas(2, "lEBA"))
    assert "Absent" not in study.alignhouse(*INGEST).stderr
    assert ask(study, "select count(*) from subject_region where absent_because is not null").rows() == [(0,)]


def test_a_region_that_nobody_has_is_an_error(study: Any) -> None:
    for subject in (1, 2, 3):
        rewrite(
            study.betas(subject, "rEBA"),
            lambda content: content.update({name: values[..., :0] for name, values in content.items()}),
        )
    run = study.run()
    assert run.returncode == 2
    assert "no subject has region EBA" in run.stderr
    assert not study.warehouse.exists()


def test_version_a_has_no_hemispheres_and_its_empty_regions_are_reported(study: Any) -> None:
    folder = study.folder / "A/derivatives/versionA/MNI152/prepared_data/prepared_allvoxel_pkl/TRavg56789"
    for subject in (1, 2, 3):
        for part in ("V1v", "V1d", "TOS"):
            path = folder / f"sub-{subject:02d}" / f"{part}_TRavg-56789_allvoxel.pkl"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(study.betas(subject, "lEBA" if part == "TOS" else f"l{part}"), path)
    rewrite(
        folder / "sub-02" / "TOS_TRavg-56789_allvoxel.pkl",
        lambda content: content.update({name: values[..., :0] for name, values in content.items()}),
    )
    options = ["-w", "mini.alignhouse", "--version", "A", "--regions", "V1,TOS"]
    assert study.alignhouse("ingest", "betas", "A", *options).returncode == 0
    made = study.alignhouse("ingest", "brain-rdms", *options)
    assert made.returncode == 0, made.stderr
    assert "Absent: TOS of sub-02 (TOS has no voxels)" in made.stderr
    assert set(stored_rdms(study.warehouse)) == {
        ("V1", "sub-01"), ("V1", "sub-02"), ("V1", "sub-03"), ("TOS", "sub-01"), ("TOS", "sub-03"),
    }  # fmt: skip


def test_bad_values_are_an_error_or_are_skipped_and_reported(study: Any) -> None:
    def spoil(content: dict[str, np.ndarray]) -> None:
        content["test_data_allvoxel"][3, 4, [2, 7]] = np.nan

    rewrite(study.betas(3, "rV1v"), spoil)
    run = study.run()
    assert run.returncode == 2
    assert "sub-03, rV1v, test: expected finite numbers, found 2 of 2,400" in run.stderr
    assert not study.warehouse.exists()
    study.change('regions = ["V1", "EBA"]', 'regions = ["V1", "EBA"]\nskip_bad = true')
    run = study.alignhouse(*INGEST)
    assert run.returncode == 0, run.stderr
    assert "Skipped 2 voxels with NaN or infinite values: sub-03, rV1v" in run.stderr
    good = [index for index in range(20) if index not in (2, 7)]
    means = [raw(study.betas(3, part))["test_data_allvoxel"].mean(axis=1) for part in ALL_PARTS["V1"]]
    means[1] = means[1][:, good]
    expected = pdist(np.concatenate(means, axis=1), "correlation")
    np.testing.assert_allclose(stored_rdms(study.warehouse)["V1", "sub-03"], expected, atol=1e-6)
    voxels = ask(study, "select voxels from region_reliability where roi = 'V1' order by subject")
    assert voxels.rows() == [(80,), (80,), (78,)]


def test_only_reliable_voxels_are_kept_where_that_is_asked(study: Any) -> None:
    rng = np.random.default_rng(0)

    def make_some_reliable(content: dict[str, np.ndarray]) -> None:
        for values in content.values():
            values[..., :6] += 3 * rng.normal(size=(len(values), 1, 6))

    for subject in (1, 2, 3):
        for part in ALL_PARTS["EBA"]:
            rewrite(study.betas(subject, part), make_some_reliable)
    study.change('regions = ["V1", "EBA"]', 'regions = ["EBA"]\nmin_ncsnr = 1.0')
    run = study.alignhouse(*INGEST)
    assert run.returncode == 0, run.stderr
    rows = ask(
        study, "select voxels, voxels_kept, ncsnr_median, rdm_reliability from region_reliability"
    ).rows()
    assert [row[:2] for row in rows] == [(40, 12)] * 3
    assert all(row[2] > 1 and row[3] > 0.8 for row in rows)
    kept = [raw(study.betas(1, part))["test_data_allvoxel"].mean(axis=1)[:, :6] for part in ALL_PARTS["EBA"]]
    expected = pdist(np.concatenate(kept, axis=1), "correlation")
    np.testing.assert_allclose(stored_rdms(study.warehouse)["EBA", "sub-01"], expected, atol=1e-6)


def test_reliability_in_the_warehouse_is_that_of_the_raw_files(study: Any) -> None:
    study.change('path = "betas"', 'path = "betas"\nsplit = "all"')
    for name in VIDEOS["train"]:
        shutil.copy(study.folder / "stimuli/1001.png", study.folder / f"stimuli/{name}.png")
    shutil.rmtree(study.folder / "models")
    assert study.alignhouse("ingest", "inputs", "study.toml").returncode == 2, "the models are not there"
    (study.folder / "models" / "one").mkdir(parents=True)
    study.change('rdms = "models"', 'rdms = "models"\nconditions = "stimulus_order"')
    np.savez(study.folder / "models/one/rdms.npz", layer=np.random.default_rng(0).random(17 * 16 // 2))
    made = study.alignhouse("ingest", "inputs", "study.toml")
    assert made.returncode == 0, made.stderr
    rows = ask(study, "select * from region_reliability").rows(named=True)
    assert {(row["subject"], row["roi"], row["split"]) for row in rows} == {
        (f"sub-{i:02d}", roi, split) for i in (1, 2, 3) for roi in ALL_PARTS for split in VIDEOS
    }
    for row in rows:
        parts = [
            raw(study.betas(int(row["subject"][-2:]), part))[f"{row['split']}_data_allvoxel"]
            for part in ALL_PARTS[row["roi"]]
        ]
        betas = np.concatenate(parts, axis=2)
        assert row["repetitions"] == betas.shape[1]
        assert row["ncsnr_median"] == pytest.approx(np.median(ncsnr_plainly(betas)), rel=1e-5)
        assert row["rdm_reliability"] == pytest.approx(reliability_plainly(betas), abs=1e-4)


def test_the_order_in_which_files_are_listed_and_written_changes_no_number(
    run_once: Callable[..., Any], study: Any
) -> None:
    study.change(*ONE_PROTOCOL)
    # The same files, written in reverse order: most file systems list them in that order.
    files = sorted(path for path in (study.folder / "betas").rglob("*.pkl"))
    contents = {path: path.read_bytes() for path in files}
    shutil.rmtree(study.folder / "betas")
    for path in reversed(files):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents[path])
    assert study.run().returncode == 0
    hashes = "select artifact, sha256 from artifact where method <> 'protocol' order by all"
    assert ask(study, hashes).rows() == ask(run_once(WITHOUT_RESAMPLES, ONE_PROTOCOL), hashes).rows()


def test_running_everything_twice_adds_nothing(study: Any) -> None:
    commands = [
        ["ingest", "stimuli", "stimuli", "--split", "test", "--skip-missing", "--dataset", "mini"],
        ["ingest", "betas", "betas", "--regions", "V1,EBA", "--dataset", "mini", "--synthetic"],
        ["ingest", "brain-rdms", "--regions", "V1,EBA", "--dataset", "mini"],
    ]
    for command in commands:
        done = study.alignhouse(*command, "-w", "mini.alignhouse")
        assert done.returncode == 0, done.stderr
    before = study.state()
    for command in commands:
        done = study.alignhouse(*command, "-w", "mini.alignhouse")
        assert "Nothing to do" in done.stdout, done.stdout
    assert study.state() == before
    run = study.alignhouse(*INGEST)
    assert run.returncode == 0
    assert "Storing betas" not in run.stderr
    assert "Brain RDMs" not in run.stderr
    assert "Decoding stimuli" not in run.stderr
    remarks = ask(study, "select distinct remark from region_reliability").rows()
    assert remarks == [("synthetic brains",)]
