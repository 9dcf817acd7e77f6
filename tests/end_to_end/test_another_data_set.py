"""A data set with another layout needs one class: this file registers one and runs a study on it."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from one_format import one_format
from PIL import Image
from scipy.spatial.distance import pdist

from alignhouse.analysis.report.gather import write_report_of
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.regions import Hemisphere, Region
from alignhouse.ingest.datasets.dataset import BetaSource, DataSet, data_set, register, unregister
from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import BadInput, Warehouse
from alignhouse.warehouse.vectors import read_vectors

PEOPLE = ("ann", "bo", "cy")
STIMULI = {
    "shared": ["apple", "boat", "cat", "door", "egg", "fox", "goat", "hat"],
    "own": ["ink", "jar", "kite", "lamp", "moon", "nest"],
}
REPETITIONS = {"shared": 2, "own": 3}
# Groups, and regions within groups, are in this order, which is not alphabetical.
REGIONS = [
    Region("early auditory", "sound", 1, ("A1 left", "A1 right")),
    Region("voice", "sound", 2, ("voice",)),
    Region("memory", "association", 3, ("hippocampus",)),
]
PARTS = {part: 5 + number for number, part in enumerate(part for each in REGIONS for part in each.parts)}
STUDY = """
[study]
warehouse = "fruit.alignhouse"
[brain]
kind = "arrays-of-fruit"
path = "people"
dataset = "fruit"
split = "all"
[stimuli]
path = "pictures"
[networks]
rdms = "models"
conditions = "stimulus_order"
[analysis]
permutations = 20
bootstraps = 20
halvings = 4
"""


@dataclass(frozen=True)
class Arrays:
    """One .npy file per split, (stimuli, repetitions, voxels); rows are in alphabetical order."""

    arrays: dict[str, np.ndarray]

    @property
    def splits(self) -> Sequence[str]:
        return list(self.arrays)

    def shape(self, split: str) -> tuple[int, int, int]:
        n, repetitions, voxels = self.arrays[split].shape
        return n, repetitions, voxels

    def stimuli(self, split: str) -> Sequence[str]:
        return STIMULI[split]

    def blocks(self, split: str, buffer_bytes: int) -> Iterator[np.ndarray]:
        for stimulus in range(len(self.arrays[split])):
            yield self.arrays[split][stimulus : stimulus + 1]


def find_arrays(
    root: Path, version: str | None, parts: Sequence[str], subjects: Sequence[str] | None
) -> list[BetaFile]:
    files = []
    for person in subjects or PEOPLE:
        for part in parts:
            first, *rest = (root / person / f"{part} {split}.npy" for split in STIMULI)
            if not first.is_file():
                raise BadInput(f"{person} has no {part}", expected=first)
            files.append(BetaFile(person, part, first, tuple(rest)))
    return files


@contextmanager
def open_arrays(file: BetaFile, memory: int) -> Iterator[Arrays]:
    yield Arrays(
        {split: np.load(path, mmap_mode="r") for split, path in zip(STIMULI, file.paths, strict=True)}
    )


class Fruit(DataSet):
    kind = "arrays-of-fruit"
    title = "betas as plain arrays"
    splits = tuple(STIMULI)
    default_split = "own"
    training_split = "shared"
    selections = "all or sound"
    betas = BetaSource(find_arrays, open_arrays)

    def regions(self, selection: str | Sequence[str], version: str | None, root: Path | None) -> list[Region]:
        assert version is None
        return [each for each in REGIONS if selection == "all" or selection in (each.name, each.group)]

    def hemisphere_of(self, part: str) -> Hemisphere:
        return "left" if part.endswith("left") else "right" if part.endswith("right") else "both"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a finished study with its report."""
    folder = tmp_path_factory.mktemp("fruit")
    rng = np.random.default_rng(0)
    for person in PEOPLE:
        (folder / "people" / person).mkdir(parents=True)
        for part, voxels in PARTS.items():
            voxels = 0 if (person, part) == ("bo", "voice") else voxels
            for split, names in STIMULI.items():
                betas = rng.normal(size=(len(names), REPETITIONS[split], voxels))
                np.save(folder / "people" / person / f"{part} {split}.npy", betas)
    for split, names in STIMULI.items():
        (folder / "pictures" / split).mkdir(parents=True)
        for name in names:
            pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / split / f"{name}.png")
    n = sum(map(len, STIMULI.values()))
    for network in ("AlexNet", "my_own"):
        (folder / "models" / network).mkdir(parents=True)
        layers = {f"layer{i}": rng.random(n * (n - 1) // 2) for i in range(3)}
        np.savez(folder / "models" / network / "rdms.npz", **layers)
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    register(Fruit())
    try:
        run_study(read_study(folder / "study.toml"), command="test")
        with Warehouse.open(folder / "fruit.alignhouse") as opened, one_format(most=2):
            write_report_of(opened, folder / "report", group_by=["model_type"])
        yield folder
    finally:
        unregister(Fruit.kind)


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with Warehouse.open(folder / "fruit.alignhouse") as opened:
        found: list[tuple[object, ...]] = opened.sql(query).fetchall()
        return found


def test_brain_rdms_are_those_of_the_arrays(folder: Path) -> None:
    checked = 0
    for path in folder.glob("fruit.alignhouse/rdms/kind=brain/dataset=fruit/split=all/*/*.parquet"):
        names, rdms = read_vectors(path, "rdm")
        for row, rdm in zip(names.iter_rows(named=True), rdms, strict=True):
            [region] = [each for each in REGIONS if each.name == row["roi"]]
            person = folder / "people" / row["subject"]
            means = [
                np.concatenate([np.load(person / f"{part} {split}.npy").mean(axis=1) for split in STIMULI])
                for part in region.parts
            ]
            expected = pdist(np.concatenate(means, axis=1), "correlation")
            np.testing.assert_allclose(rdm, expected, atol=1e-6)
            checked += 1
    assert checked == len(REGIONS) * len(PEOPLE) - 1


def test_the_warehouse_has_its_regions_groups_splits_and_people(folder: Path) -> None:
    assert rows(folder, "select roi, roi_group, roi_order from roi order by roi_order") == [
        (each.name, each.group, each.order) for each in REGIONS
    ]
    assert rows(
        folder, "select part, hemisphere from roi_part where roi = 'early auditory' order by all"
    ) == [
        ("A1 left", "left"),
        ("A1 right", "right"),
    ]
    assert rows(folder, "select kind, version from dataset") == [("arrays-of-fruit", None)]
    assert rows(folder, "select subject from subject order by subject_order") == [(each,) for each in PEOPLE]
    assert rows(folder, "select stimulus, split from stimulus order by all") == sorted(
        (name, split) for split, names in STIMULI.items() for name in names
    )
    assert rows(folder, "select distinct split, repetitions from region_reliability order by all") == [
        ("own", 3),
        ("shared", 2),
    ]
    assert rows(
        folder, "select roi, subject, absent_because from subject_region where absent_because != ''"
    ) == [("voice", "bo", "voice has no voxels")]


def test_layers_are_chosen_on_its_training_split(folder: Path) -> None:
    assert rows(folder, "select distinct chosen_on from layer_choice") == [("train",)]


def test_the_report_has_its_groups_in_their_order_and_its_own_words(folder: Path) -> None:
    page = (folder / "report" / "index.html").read_text(encoding="utf-8")
    assert "Brains and networks were shown 14 images of all splits." in page
    assert "Brain data are betas as plain arrays." in page
    assert "BOLD Moments" not in page
    head = re.sub(r"<[^>]+>", " ", page[page.index("Leaderboard: rho") :])
    places = [head.index(name) for name in ("early auditory", "voice", "memory")]
    assert places == sorted(places)
    assert list((folder / "report").rglob("*.svg")) or list((folder / "report").rglob("*.png"))


def test_nothing_is_left_to_do(folder: Path) -> None:
    study = read_study(folder / "study.toml")
    assert run_study(study, command="again").jobs_done == 0
    assert study.brain.model_dump(include={"split", "regions", "version"}) == {
        "split": "all",
        "regions": "all",
        "version": None,
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("arrays-of-fruit", "arrays-of-fruits", "brain.kind: .*did you mean arrays-of-fruit"),
        ('split = "all"', 'split = "test"', "brain.split: expected shared or own or all, found 'test'"),
    ],
)
def test_the_study_file_is_checked_against_the_data_set(
    folder: Path, tmp_path: Path, old: str, new: str, message: str
) -> None:
    (tmp_path / "study.toml").write_text(STUDY.replace(old, new), encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        read_study(tmp_path / "study.toml")


def test_its_reader_can_be_sent_to_another_process(folder: Path) -> None:
    source = data_set(Fruit.kind).betas
    assert source is not None
    assert pickle.loads(pickle.dumps(source)) == source


def test_a_kind_is_registered_once(folder: Path) -> None:
    with pytest.raises(BadInput, match="registered already"):
        register(Fruit())
