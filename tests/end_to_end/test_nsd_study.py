"""NSD from its folder to the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import alignhouse
from nsd_files import N_SHARED, N_TRIALS, PRF, write_design, write_person
from PIL import Image
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr, zscore

from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import Warehouse

N = 20
SESSIONS = {"subj01": [1, 2], "subj02": [1]}
STUDY = """
[study]
warehouse = "w.alignhouse"
[brain]
kind = "nsd"
path = "nsd"
dataset = "NSD"
stimuli = "own"
repetitions = "mean"
zscore = "session"
regions = ["V1", "hV4"]
[stimuli]
path = "images"
[networks]
features = "features"
[analysis]
permutations = 50
bootstraps = 0
halvings = 4
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nsd_study")


@pytest.fixture(scope="module")
def written(folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """73k IDs of all trials, and the betas of each subject; there is a study that was run."""
    root = folder / "nsd"
    shown = write_design(root)
    betas = {subject: write_person(root, subject, shown, each) for subject, each in SESSIONS.items()}
    names = [f"nsd-{each:05d}" for each in images_of(shown)]
    for place in ("images", "features/net"):
        (folder / place).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in names:
        pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{name}.png")
    np.savez(folder / "features/net/layer1.npz", features=rng.normal(size=(N, 30)), conditions=names)
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    run_study(read_study(folder / "study.toml"), command="test")
    return shown, betas


def images_of(shown: np.ndarray) -> list[int]:
    """Images that all subjects see, sorted; the first one only in the second session."""
    shared = [each for each in np.unique(shown[0]) if (shown == each).any(axis=1).all()]
    assert len(shared) == N_SHARED
    first = set(shown[0, :N_TRIALS].tolist())
    late = next(each for each in shared if each not in first)
    return sorted([late, *[each for each in shared if each in first][: N - 1]])


def test_scores_are_those_of_z_scored_betas(
    folder: Path, written: tuple[np.ndarray, dict[str, np.ndarray]]
) -> None:
    import nibabel

    shown, betas = written
    with Warehouse.open(folder / "w.alignhouse") as warehouse:
        rows = warehouse.sql("select subject, roi, rho from alignment").pl().rows()
        unseen = warehouse.ask("coverage").pl()
    assert len(rows) == len(SESSIONS) * 2
    with np.load(folder / "features/net/layer1.npz") as stored:
        features = stored["features"]
    for subject, roi, rho in rows:
        volume = folder / f"nsd/nsddata/ppdata/{subject}/func1pt8mm/roi/prf-visualrois.nii.gz"
        labels = np.asarray(nibabel.load(volume).dataobj)
        parts = [PRF[name] for name in (["V1v", "V1d"] if roi == "V1" else ["hV4"])]
        values = betas[subject][np.isin(labels, parts)].astype(float)
        by_session = values.reshape(len(values), -1, N_TRIALS)
        scaled = zscore(by_session, axis=-1).reshape(len(values), -1)
        trials = shown[int(subject[-1]) - 1, : scaled.shape[1]]
        seen = [number for number, each in enumerate(images_of(shown)) if each in trials]
        patterns = [scaled[:, trials == images_of(shown)[each]].mean(axis=1) for each in seen]
        expected = spearmanr(
            pdist(np.array(patterns), "correlation"), pdist(features[seen], "correlation")
        ).statistic
        assert rho == pytest.approx(expected, abs=1e-6)
    assert dict(unseen.select("subject", "used").rows()) == {"subj01": N, "subj02": N - 1}


@pytest.mark.usefixtures("written")
def test_a_folder_of_nsd_gives_its_study_file_and_report(folder: Path) -> None:
    done = alignhouse("init", "new.toml", "--from", "nsd", "--stimuli", "images", folder=folder)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "kind: nsd" in said
    assert "subjects, and sessions: 2 (subj01 with 2, subj02 with 1)" in said
    assert f"and all {N} files have brain data" in said
    assert 'set stimuli = "shared" or "own"' in said
    brain = read_study(folder / "new.toml").brain
    assert (brain.kind, brain.zscore, brain.split) == ("nsd", "session", "test")
    report = alignhouse("report", "report", "--warehouse", "w.alignhouse", folder=folder)
    assert report.returncode == 0, report.stdout + report.stderr
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "single-trial betas of the Natural Scenes Dataset" in page


def test_nsd_is_not_fetched_and_the_message_says_where_it_is(tmp_path: Path) -> None:
    done = alignhouse("ingest", "fetch", "nsd", "--to", "nsd", folder=tmp_path)
    assert done.returncode == 2
    assert "data set 'nsd' cannot be fetched" in done.stderr
    assert "data agreement: naturalscenesdataset.org" in done.stderr
    assert list(tmp_path.iterdir()) == []
