"""NSD and THINGS-fMRI from their folders to the report, and side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import alignhouse
from nsd_files import N_SHARED, N_TRIALS, PRF, write_design, write_person
from PIL import Image
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr, zscore
from things_files import write_person as write_things

from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import Warehouse

N = 20
SESSIONS = {"subj01": [1, 2], "subj02": [1]}
STUDY = """
[study]
warehouse = "w.alignhouse"
[brain]
{brain}
[stimuli]
path = "images/{dataset}"
[networks]
features = "features/{dataset}"
[analysis]
permutations = 50
bootstraps = 0
halvings = 4
"""
BRAINS = {
    "NSD": """kind = "nsd"
path = "nsd"
dataset = "NSD"
stimuli = "own"
repetitions = "mean"
zscore = "session"
regions = ["V1", "hV4"]""",
    "THINGS": """kind = "things"
path = "things"
dataset = "THINGS"
regions = ["V1", "EBA"]""",
}
TEST_IMAGES = [f"thing{number}_13s" for number in range(N)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nsd_study")


@pytest.fixture(scope="module")
def written(folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """73k IDs of all trials, and the betas of each subject; there is a study that was run."""
    root = folder / "nsd"
    shown = write_design(root)
    betas = {subject: write_person(root, subject, shown, each) for subject, each in SESSIONS.items()}
    run(folder, "NSD", [f"nsd-{each:05d}" for each in images_of(shown)])
    return shown, betas


@pytest.fixture(scope="module")
def things(folder: Path, written: object) -> dict[str, tuple[np.ndarray, list[str], dict[str, np.ndarray]]]:
    """Responses, images and regions of each person of THINGS-fMRI, after those of NSD in one warehouse."""
    made = {}
    for number, subject in enumerate(("sub-01", "sub-02", "sub-03")):
        values, shown, _, regions = write_things(
            folder / "things", subject, [f"dog_{n:02d}s" for n in range(9)], TEST_IMAGES, number
        )
        made[subject] = values, shown, regions
    run(folder, "THINGS", TEST_IMAGES)
    return made


def run(folder: Path, dataset: str, names: list[str]) -> None:
    """Run the study of a data set, with random images and random features of a network."""
    rng = np.random.default_rng(0)
    images, features = folder / "images" / dataset, folder / "features" / dataset / "net"
    for place in (images, features):
        place.mkdir(parents=True)
    for name in names:
        pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(images / f"{name}.png")
    np.savez(features / "layer1.npz", features=rng.normal(size=(N, 30)), conditions=names)
    study = folder / f"{dataset}.toml"
    study.write_text(STUDY.format(brain=BRAINS[dataset], dataset=dataset), encoding="utf-8")
    run_study(read_study(study), command="test")


def model_of(folder: Path, dataset: str) -> np.ndarray:
    with np.load(folder / "features" / dataset / "net" / "layer1.npz") as stored:
        return np.asarray(stored["features"])


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
        rows = warehouse.sql("select subject, roi, rho from alignment where dataset = 'NSD'").pl().rows()
        unseen = warehouse.ask("coverage").pl()
    assert len(rows) == len(SESSIONS) * 2
    features = model_of(folder, "NSD")
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
def test_a_folder_of_nsd_gives_its_study_file(folder: Path) -> None:
    done = alignhouse("init", "new.toml", "--from", "nsd", "--stimuli", "images/NSD", folder=folder)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "kind: nsd" in said
    assert "subjects, and sessions: 2 (subj01 with 2, subj02 with 1)" in said
    assert f"and all {N} files have brain data" in said
    assert 'set stimuli = "shared" or "own"' in said
    brain = read_study(folder / "new.toml").brain
    assert (brain.kind, brain.zscore, brain.split) == ("nsd", "session", "test")


@pytest.mark.slow
@pytest.mark.usefixtures("things")
@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [
        ("NSD", "single-trial betas of the Natural Scenes Dataset (betas_fithrf_GLMdenoise_RR, 1.8 mm)"),
        ("THINGS", "single-trial betas of THINGS-fMRI"),
    ],
)
def test_the_report_says_what_the_brain_data_are(folder: Path, dataset: str, sentence: str) -> None:
    options = ["--warehouse", "w.alignhouse", "--dataset", dataset]
    report = alignhouse("report", f"report-{dataset}", *options, folder=folder)
    assert report.returncode == 0, report.stdout + report.stderr
    assert sentence in (folder / f"report-{dataset}" / "index.html").read_text(encoding="utf-8")


def test_scores_are_those_of_the_responses_of_things(
    folder: Path, things: dict[str, tuple[np.ndarray, list[str], dict[str, np.ndarray]]]
) -> None:
    with Warehouse.open(folder / "w.alignhouse") as warehouse:
        rows = warehouse.sql("select subject, roi, rho from alignment where dataset = 'THINGS'").pl().rows()
    assert len(rows) == 3 * 2
    model = pdist(model_of(folder, "THINGS"), "correlation")
    for subject, roi, rho in rows:
        values, shown, regions = things[subject]
        columns = ["lEBA", "rEBA"] if roi == "EBA" else ["V1"]
        of_region = np.concatenate([values[regions[name]] for name in columns])
        trials = [[n for n, each in enumerate(shown) if each == name] for name in TEST_IMAGES]
        patterns = np.array([of_region[:, each].mean(axis=1) for each in trials])
        assert rho == pytest.approx(spearmanr(pdist(patterns, "correlation"), model).statistic, abs=1e-6)


@pytest.mark.usefixtures("things")
def test_both_data_sets_stand_side_by_side(folder: Path) -> None:
    with Warehouse.open(folder / "w.alignhouse") as warehouse:
        found = warehouse.ask("replication").pl()
        by_group = warehouse.ask("replication", by="roi_group").pl()
    assert found.filter(found["region"] == "V1")["dataset"].to_list() == ["NSD", "THINGS"]
    assert by_group.filter(by_group["region"] == "early")["n_datasets"].to_list() == [2, 2]


@pytest.mark.usefixtures("things")
def test_a_folder_of_things_gives_its_study_file(folder: Path) -> None:
    done = alignhouse("init", "things.toml", "--from", "things", "--stimuli", "images/THINGS", folder=folder)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "kind: things" in said
    assert "layout: THINGS-fMRI, as on figshare" in said
    assert "repetitions: 1 or 3" in said
    assert f"and all {N} files have brain data" in said
    assert read_study(folder / "things.toml").brain.kind == "things"


def test_nsd_is_not_fetched_and_the_message_says_where_it_is(tmp_path: Path) -> None:
    done = alignhouse("ingest", "fetch", "nsd", "--to", "nsd", folder=tmp_path)
    assert done.returncode == 2
    assert "data set 'nsd' cannot be fetched" in done.stderr
    assert "data agreement: naturalscenesdataset.org" in done.stderr
    assert list(tmp_path.iterdir()) == []
