"""Two data sets of MOSAIC in one warehouse, from their folder to `ask replication`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import alignhouse
from mosaic_files import write_parcellation, write_person
from PIL import Image
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import Warehouse

N = 20
STIMULI = {"NSD": [f"coco_{number:02d}" for number in range(N)], "BMD": [f"clip-{n}" for n in range(N)]}
# The last person of NSD saw two stimuli less.
SEEN = {"NSD": {"sub-01": N, "sub-02": N, "sub-08": N - 2}, "BMD": {"sub-01": N, "sub-02": N}}
STUDY = """
[study]
warehouse = "../w.alignhouse"
[brain]
kind = "mosaic"
version = "{version}"
path = "."
dataset = "{version}"
stimuli = "own"
regions = ["V1", "MT"]
[stimuli]
path = "pictures"
[networks]
features = "features"
[analysis]
permutations = 50
bootstraps = 0
halvings = 4
"""
Betas = dict[tuple[str, int], np.ndarray]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mosaic")


@pytest.fixture(scope="module")
def written(folder: Path) -> dict[tuple[str, str], Betas]:
    """(data set, person) -> its betas; there are a study and features of a network for each data set."""
    rng = np.random.default_rng(0)
    betas: dict[tuple[str, str], Betas] = {}
    for version, names in STIMULI.items():
        place = folder / version
        for inner in ("pictures", "features/net"):
            (place / inner).mkdir(parents=True)
        write_parcellation(place)
        for number, (subject, n_seen) in enumerate(SEEN[version].items()):
            shown = {(f"{name}.png", "test"): 2 for name in names[:n_seen]} | {("other.png", "train"): 3}
            betas[version, subject] = write_person(place, subject, version, shown, number)
        for name in names:
            pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / "pictures" / f"{name}.png")
        values = rng.normal(size=(N, 30))
        np.savez(place / "features" / "net" / "layer1.npz", features=values, conditions=names)
        (place / "study.toml").write_text(STUDY.format(version=version), encoding="utf-8")
        run_study(read_study(place / "study.toml"), command="test")
    return betas


def test_scores_are_those_of_the_betas_in_the_files(
    folder: Path, written: dict[tuple[str, str], Betas]
) -> None:
    labels = write_parcellation(folder)
    with Warehouse.open(folder / "w.alignhouse") as warehouse:
        rows = warehouse.sql("select dataset, subject, roi, rho from alignment").pl().rows()
    assert len(rows) == 2 * (3 + 2)
    for version, subject, roi, rho in rows:
        seen = STIMULI[version][: SEEN[version][subject]]
        betas = written[version, subject]
        here = np.concatenate([np.flatnonzero(labels == f"{side}_{roi}") for side in "LR"])
        patterns = [np.mean([betas[name, each][here] for each in (0, 1)], axis=0) for name in seen]
        with np.load(folder / version / "features" / "net" / "layer1.npz") as stored:
            model = pdist(stored["features"][: len(seen)], "correlation")
        expected = spearmanr(pdist(np.array(patterns), "correlation"), model).statistic
        assert rho == pytest.approx(expected, abs=1e-6)


@pytest.mark.usefixtures("written")
def test_replication_puts_both_data_sets_side_by_side(folder: Path) -> None:
    with Warehouse.open(folder / "w.alignhouse") as warehouse:
        found = warehouse.ask("replication").pl()
        by_group = warehouse.ask("replication", by="roi_group").pl()
        assert warehouse.sql("select dataset, kind, version from dataset order by all").pl().rows() == [
            ("BMD", "mosaic", "BMD"),
            ("NSD", "mosaic", "NSD"),
        ]
    assert found.select("region", "dataset").rows() == [
        (roi, version) for roi in ("V1", "MT") for version in ("BMD", "NSD")
    ]
    assert found["n_datasets"].to_list() == [2] * 4
    assert by_group["region"].to_list() == ["early", "early", "lateral", "lateral"]


@pytest.mark.usefixtures("written")
def test_a_folder_of_mosaic_gives_its_study_file(folder: Path) -> None:
    done = alignhouse("init", "new.toml", "--from", "NSD", folder=folder)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    assert "kind: mosaic" in said
    assert "subjects: 3 (sub-01, sub-02, sub-08)" in said
    assert "repetitions: 2 or 3" in said
    assert 'all subjects saw 19 of 21; set stimuli = "shared" or "own"' in said
    (folder / "both").mkdir()
    for version in STIMULI:
        (folder / "both" / version).symlink_to(folder / version)
    done = alignhouse("init", "both.toml", "--from", "both", folder=folder)
    assert "which data set to use: BMD or NSD; set version" in done.stdout + done.stderr
