"""From a folder of a lab's own betas to a study: `init --from` writes its file, and `run` runs it."""

from __future__ import annotations

import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from command_line import alignhouse
from lab_folders import (
    NAMES,
    shown,
    trials,
    write_array,
    write_events,
    write_glmsingle,
    write_images,
    write_matlab_73,
    write_stimuli,
    write_volume,
)
from scipy.spatial.distance import pdist
from scipy.stats import zscore

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.vectors import read_vectors

PEOPLE = ("sub-01", "sub-02", "sub-03")
REGIONS = {"V1": 11, "IT": 7}
N_USED = 6
MORE = """
[networks]
rdms = "models"
conditions = "stimulus_order"
[analysis]
permutations = 20
bootstraps = 20
"""


def betas_of(person: str, region: str) -> np.ndarray:
    common = trials(REGIONS[region], len(NAMES), seed=len(region) + REGIONS[region])
    own = trials(REGIONS[region], 3 * len(NAMES), seed=PEOPLE.index(person) + REGIONS[region])
    values: np.ndarray = (2 * common[shown(seed=PEOPLE.index(person)).stimulus] + own).astype(np.float32)
    return values


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab's folder: MATLAB v7.3 betas (voxels, trials), events.tsv, and images of six of the stimuli."""
    folder = tmp_path_factory.mktemp("lab")
    for number, person in enumerate(PEOPLE):
        write_events(folder / "betas" / person, person, shown(seed=number))
        for region in REGIONS:
            path = folder / "betas" / person / f"{region}.mat"
            write_matlab_73(path, betas=betas_of(person, region).T)
    (folder / "betas" / "regions.csv").write_text(
        "roi,group,order,hemisphere\nV1,early,1,both\nIT,late,2,left\n"
    )
    write_images(folder / "images")
    for name in NAMES[N_USED:]:
        (folder / "images" / f"{name}.png").unlink()
    (folder / "models" / "net").mkdir(parents=True)
    pairs = N_USED * (N_USED - 1) // 2
    layers = {f"layer{i}": np.random.default_rng(i).random(pairs) for i in range(3)}
    np.savez(folder / "models" / "net" / "rdms.npz", **layers)
    return folder


@pytest.fixture(scope="module")
def finished(lab: Path) -> Path:
    done = alignhouse("init", "study.toml", "--from", "betas", folder=lab)
    assert done.returncode == 0, done.stderr
    expected = [
        "kind: arrays",
        "subjects: 3 (sub-01, sub-02, sub-03)",
        "regions: 2 (IT, V1)",
        "column of events.tsv: stim_file, which has the names of the stimuli's files",
        "stimuli: 8, named by",
        "axis: columns are trials (shape (7, 24) in sub-01)",
        "repetitions: 3 of each stimulus",
        "sessions: 2 in sub-01",
        "and all 6 files have brain data; those of 2 more stimuli are not used",
    ]
    for line in expected:
        assert line in done.stdout
    file = lab / "study.toml"
    written = file.read_text(encoding="utf-8")
    assert tomllib.loads(written)["brain"]["axis"] == "columns"
    changed = written.replace('# zscore = "none"', 'zscore = "session"')
    changed = changed.replace("\n[networks]\n", "\n").replace("\n[analysis]\n", "\n") + MORE
    file.write_text(changed, encoding="utf-8")
    done = alignhouse("run", "study.toml", "--no-report", folder=lab)
    assert done.returncode == 0, done.stderr
    assert "Stimuli: betas of 8 in split test, 6 of them in the study (sub-01, sub-02" in done.stderr
    return lab


def test_rdms_are_those_of_z_scores_within_sessions_of_the_stimuli_that_are_used(finished: Path) -> None:
    checked = 0
    for path in finished.glob("study.alignhouse/rdms/kind=brain/*/*/*/*.parquet"):
        names, rdms = read_vectors(path, "rdm")
        for row, rdm in zip(names.iter_rows(named=True), rdms, strict=True):
            of = shown(seed=PEOPLE.index(row["subject"]))
            values = betas_of(row["subject"], row["roi"]).astype(np.float64)
            scaled = np.concatenate([zscore(values[of.session == each], axis=0) for each in (0, 1)])
            means = [scaled[of.stimulus == index].mean(axis=0) for index in range(N_USED)]
            np.testing.assert_allclose(rdm, pdist(means, "correlation"), rtol=1e-5, atol=1e-6)
            checked += 1
    assert checked == len(PEOPLE) * len(REGIONS)


def test_regions_reliability_and_ceilings_are_as_for_other_data_sets(finished: Path) -> None:
    with Warehouse.open(finished / "study.alignhouse") as opened:
        regions = opened.sql("select roi, roi_group, roi_order from roi order by roi_order").fetchall()
        assert regions == [("V1", "early", 0), ("IT", "late", 1)]
        sides = opened.sql("select part, hemisphere from roi_part order by all").fetchall()
        assert sides == [("IT", "left"), ("V1", "both")]
        assert opened.sql("select distinct kind, version from dataset").fetchall() == [("arrays", None)]
        rows = opened.sql("select voxels, repetitions from region_reliability where roi = 'IT'").fetchall()
        assert rows == [(7, 3)] * 3
        assert len(opened.ask("noise_ceilings")) == 2
    assert alignhouse("check", "-w", "study.alignhouse", folder=finished).returncode == 0


def test_nothing_is_left_to_do_and_nothing_is_overwritten(finished: Path) -> None:
    assert "Nothing to do" in alignhouse("run", "study.toml", "--no-report", folder=finished).stdout
    before = (finished / "study.toml").read_bytes()
    done = alignhouse("init", "study.toml", "--from", "betas", folder=finished)
    assert (done.returncode, done.stdout) == (2, "")
    assert "study.toml exists" in done.stderr
    assert (finished / "study.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda lab: (lab / "images" / "clip_01.png").rename(lab / "images" / "clp_01.png"),
            r"no betas of sub-01, .., stimulus clp_01: expected betas of all 6 .*did you mean clip_01",
        ),
        (
            lambda lab: (lab / "betas" / "sub-02" / "IT.mat").write_bytes(b"junk"),
            "IT.mat cannot be read: expected a MATLAB file",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line_and_nothing_is_stored(
    finished: Path, tmp_path: Path, spoil, message: str
) -> None:
    lab = Path(shutil.copytree(finished, tmp_path / "lab", ignore=shutil.ignore_patterns("*.alignhouse")))
    text = (lab / "study.toml").read_text(encoding="utf-8").replace(str(finished), str(lab))
    (lab / "study.toml").write_text(text, encoding="utf-8")
    spoil(lab)
    done = alignhouse("run", "study.toml", "--no-report", folder=lab)
    assert done.returncode == 2
    [line] = [each for each in done.stderr.splitlines() if each.startswith("alignhouse: ")]
    assert re.search(message, line), line
    assert not list((lab / "study.alignhouse").rglob("*.parquet"))


def lines_of(folder: Path, *options: str) -> list[str]:
    done = alignhouse("init", "new.toml", "--from", "betas", *options, folder=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def brain_of(folder: Path) -> dict[str, object]:
    keys: dict[str, object] = tomllib.loads((folder / "new.toml").read_text(encoding="utf-8"))["brain"]
    return keys


def test_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    (tmp_path / "betas" / "sub-01").mkdir(parents=True)
    of = shown()
    write_stimuli(tmp_path / "betas" / "stimuli.csv", of)
    write_array(tmp_path / "betas" / "sub-01", "V1", np.ones((24, 24)), "npy")
    lines = lines_of(tmp_path)
    assert "Could not tell which axis has the stimuli of sub-01, (24, 24); set brain.axis" in lines
    assert any(line.startswith("Could not tell the folder of the stimuli: none is in it") for line in lines)
    assert lines[-1].startswith("Wrote new.toml; fill in the rest")
    assert "axis" not in brain_of(tmp_path)


def test_events_with_two_columns_of_names_need_the_stimuli_or_a_key(tmp_path: Path) -> None:
    write_events(tmp_path / "betas" / "sub-01", "sub-01", shown())
    write_array(tmp_path / "betas" / "sub-01", "V1", trials(5, 24, 0), "npy")
    [line] = [each for each in lines_of(tmp_path) if "events.tsv" in each]
    assert line.startswith("Could not tell which column of events.tsv names the stimuli: stim_file or trial")
    (tmp_path / "new.toml").unlink()
    write_images(tmp_path / "shown")
    lines = lines_of(tmp_path, "--stimuli", "shown")
    assert "column of events.tsv: stim_file, which has the names of the stimuli's files" in lines
    assert brain_of(tmp_path)["stimulus_column"] == "stim_file"


def test_glmsingle_and_uneven_repetitions_are_recognised(tmp_path: Path) -> None:
    place = tmp_path / "betas" / "sub-01"
    place.mkdir(parents=True)
    of = shown()
    uneven = type(of)(of.stimulus[1:], of.session[1:])
    write_stimuli(place / "stimuli.csv", uneven)
    write_glmsingle(place / "TYPED_FITHRF_GLMDENOISE_RR.hdf5", np.ones((3, 3, 2, 23), np.float32))
    write_volume(place / "V1.nii.gz", np.ones((3, 3, 2)))
    lines = lines_of(tmp_path)
    assert "layout: a folder for each person with the betas of GLMsingle" in lines
    assert any(
        line.startswith("repetitions: 2 to 3, which differ between stimuli (sub-01)") for line in lines
    )
    assert brain_of(tmp_path)["repetitions"] == "mean"


def test_twenty_rows_of_190_values_are_not_taken_for_anything(tmp_path: Path) -> None:
    (tmp_path / "betas").mkdir()
    np.save(tmp_path / "betas" / "V1.npy", np.random.default_rng(0).normal(size=(20, 190)))
    done = alignhouse("init", "new.toml", "--from", "betas", folder=tmp_path)
    assert done.returncode == 2
    assert "does not say that it holds RDMs" in done.stderr
    assert not (tmp_path / "new.toml").exists()
    text = (
        '[brain]\nkind = "rdms"\npath = "betas"\nconditions = "stimulus_order"\n[stimuli]\npath = "images"\n'
    )
    write_images(tmp_path / "images")
    (tmp_path / "study.toml").write_text(text + '[networks]\nrdms = "models"\n')
    done = alignhouse("run", "study.toml", folder=tmp_path)
    assert done.returncode == 2
    assert "does not say that it holds RDMs" in done.stderr
    assert not list((tmp_path / "study.alignhouse").rglob("*.parquet"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "none"), "there is no folder none"),
        (("--from", "."), r"has no brain data of a known kind: expected bmd: .*arrays: .*found nothing"),
        (("--stimuli", "."), "--stimuli is an option of --from"),
        (("--from", ".", "--stimuli", "."), r"no stimuli in \."),
    ],
)
def test_init_refuses_what_it_cannot_look_at(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = alignhouse("init", "new.toml", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert re.search(message, done.stderr), done.stderr
    assert not (tmp_path / "new.toml").exists()
