"""Subjects who saw different stimuli: each is scored on its own ones, and SQL says who saw what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from given_controls_plainly import partial_spearman
from one_format import one_format
from PIL import Image
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

import alignhouse
from alignhouse.analysis.report.gather import write_report_of
from alignhouse.analysis.statistics.noise_ceiling import noise_ceiling
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.regions import Region
from alignhouse.ingest.datasets.dataset import BetaSource, DataSet, register, unregister
from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import BadInput, Warehouse

N = 24
NAMES = [f"s{i:02d}" for i in range(N)]
# A stimulus that nobody saw has a picture too, and p1 saw one that has none.
SEEN = {
    "p1": [*NAMES[:20], "elsewhere"],
    "p2": NAMES[:20],
    "p3": NAMES[3:23],
    "p4": NAMES[:23],
}
REGIONS = [Region("V1", "early", 0, ("V1",)), Region("IT", "late", 1, ("IT",))]
STUDY = """
[study]
warehouse = "w.alignhouse"
[brain]
kind = "own-stimuli"
path = "people"
dataset = "own"
stimuli = "own"
[stimuli]
path = "pictures"
[networks]
rdms = "models"
conditions = "stimulus_order"
[controls]
include = ["luminance", "hog"]
[analysis]
permutations = 50
bootstraps = 20
halvings = 4
"""


@dataclass(frozen=True)
class Stored:
    names: list[str]
    values: np.ndarray

    @property
    def splits(self) -> Sequence[str]:
        return ["test"]

    def shape(self, split: str) -> tuple[int, int, int]:
        return len(self.values), 1, self.values.shape[1]

    def stimuli(self, split: str) -> Sequence[str]:
        return self.names

    def blocks(self, split: str, buffer_bytes: int) -> Iterator[np.ndarray]:
        yield self.values[:, None]


def find(
    root: Path, version: str | None, parts: Sequence[str], subjects: Sequence[str] | None
) -> list[BetaFile]:
    return [
        BetaFile(who, part, root / f"{who}-{part}.npz") for who in subjects or sorted(SEEN) for part in parts
    ]


@contextmanager
def opened(file: BetaFile, memory: int) -> Iterator[Stored]:
    with np.load(file.path) as arrays:
        yield Stored(arrays["names"].tolist(), arrays["betas"])


class OwnStimuli(DataSet):
    kind = "own-stimuli"
    title = "betas of subjects who saw different stimuli"
    betas = BetaSource(find, opened)

    def regions(self, selection: str | Sequence[str], version: str | None, root: Path | None) -> list[Region]:
        return [each for each in REGIONS if selection == "all" or each.name in selection]


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    register(OwnStimuli())
    yield
    unregister(OwnStimuli.kind)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    common = dict(zip([*NAMES, "elsewhere"], rng.normal(size=(N + 1, 12)), strict=True))
    for inner in ("people", "pictures", "models/net"):
        (folder / inner).mkdir(parents=True)
    for who, names in SEEN.items():
        for region in REGIONS:
            values = np.stack([common[name] for name in names]) + rng.normal(size=(len(names), 12))
            if (who, region.name) == ("p4", "IT"):
                values = values[:, :0]
            np.savez(folder / "people" / f"{who}-{region.name}.npz", names=names, betas=values)
    for name in NAMES:
        pixels = rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "pictures" / f"{name}.png")
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    np.savez(folder / "people" / "few-V1.npz", names=NAMES[:9], betas=rng.normal(size=(9, 12)))
    np.savez(folder / "people" / "few-IT.npz", names=NAMES[:9], betas=rng.normal(size=(9, 12)))
    return folder


def write_models(folder: Path, n: int) -> np.ndarray:
    layers = np.random.default_rng(1).random((2, n * (n - 1) // 2))
    np.savez(folder / "models" / "net" / "rdms.npz", layer1=layers[0], layer2=layers[1])
    return layers


def ask(folder: Path, query: str, warehouse: str = "w.alignhouse") -> pl.DataFrame:
    with Warehouse.open(folder / warehouse) as reader:
        return reader.sql(query).pl()


def rdm(folder: Path, who: str, region: str, names: Sequence[str]) -> np.ndarray:
    with np.load(folder / "people" / f"{who}-{region}.npz") as arrays:
        rows = [arrays["names"].tolist().index(name) for name in names]
        return pdist(arrays["betas"][rows], "correlation")


@pytest.fixture(scope="module")
def done(folder: Path) -> tuple[Path, np.ndarray]:
    """A finished study of own stimuli with its report, and the layers' RDMs of the 23 used stimuli."""
    layers = write_models(folder, 23)
    run_study(read_study(folder / "study.toml"), command="test")
    with Warehouse.open(folder / "w.alignhouse") as reader, one_format(most=1):
        write_report_of(reader, folder / "report", group_by=["model_type"])
    return folder, layers


def test_each_subject_is_scored_on_what_it_saw(done: tuple[Path, np.ndarray]) -> None:
    folder, layers = done
    found = ask(folder, "select layer, roi, subject, rho from alignment order by all")
    assert len(found) == 2 * (4 + 3)
    for row in found.iter_rows(named=True):
        names = [name for name in SEEN[row["subject"]] if name != "elsewhere"]
        kept = [NAMES.index(name) for name in names]
        square = squareform(layers[int(row["layer"][-1]) - 1])
        model = square[np.ix_(kept, kept)][np.triu_indices(len(kept), 1)]
        expected = spearmanr(model, rdm(folder, row["subject"], row["roi"], names)).statistic
        assert row["rho"] == pytest.approx(expected, abs=1e-6)


def test_controls_are_given_on_what_each_subject_saw(done: tuple[Path, np.ndarray]) -> None:
    folder, layers = done
    paths = ask(folder, "select path from artifact where path like 'rdms/kind=control/%' order by path")
    controls = np.concatenate(
        [
            np.stack(pl.read_parquet(folder / "w.alignhouse" / path)["rdm"].to_list())
            for (path,) in paths.rows()
        ]
    )
    assert len(controls) == 2
    found = ask(folder, "select * from beyond_controls order by all")
    assert len(found) == 4
    brains = [(roi, who) for roi, n in (("V1", 4), ("IT", 3)) for who in list(SEEN)[:n]]
    with alignhouse.open(folder / "w.alignhouse") as warehouse:
        asked = {(roi, who): warehouse.rdm(roi=roi, subject=who).values for roi, who in brains}
    for row in found.iter_rows(named=True):
        rho = []
        for who, seen in list(SEEN.items())[: row["n_subjects"]]:
            kept = [NAMES.index(name) for name in seen if name != "elsewhere"]
            pairs = squareform(np.arange(253))[np.ix_(kept, kept)][np.triu_indices(len(kept), 1)]
            brain = asked[row["roi"], who]
            layer = layers[int(row["layer"][-1]) - 1]
            rho.append(partial_spearman(layer[pairs], brain, controls[:, pairs]))
        assert row["partial_rho"] == pytest.approx(np.mean(rho), abs=1e-10)
        assert row["reason"] == ""
        for name in ("p_value", "p_family", "unique_p", "unique_p_family"):
            assert 1 / 51 <= row[name] <= 1
        assert row["lower"] < row["partial_rho"] < row["upper"]
        # Twenty stimuli make five folds.
        assert row["folds"] == 5
        assert row["unique_lower"] <= row["unique_layer"] <= row["unique_upper"]


def test_ceilings_are_of_the_stimuli_that_all_subjects_saw(done: tuple[Path, np.ndarray]) -> None:
    folder, _ = done
    for region, people in (("V1", ["p1", "p2", "p3", "p4"]), ("IT", ["p1", "p2", "p3"])):
        shared = NAMES[3:20]
        expected = noise_ceiling(np.stack([rdm(folder, who, region, shared) for who in people]))
        [row] = ask(folder, f"select * from noise_ceiling where roi = '{region}'").rows(named=True)
        assert row["lower"] == pytest.approx(expected.lower, abs=1e-6)
        assert row["upper"] == pytest.approx(expected.upper, abs=1e-6)
        assert (row["n_stimuli"], row["n_subjects"]) == (17, len(people))


def test_sql_counts_what_was_left_out(done: tuple[Path, np.ndarray]) -> None:
    folder, _ = done
    with alignhouse.open(folder / "w.alignhouse") as warehouse:
        found = warehouse.ask("coverage")
    assert found.select("subject", "used", "seen_by_all", "not_seen", "not_used").rows() == [
        ("p1", 20, 17, 3, 1),
        ("p2", 20, 17, 3, 0),
        ("p3", 20, 17, 3, 0),
        ("p4", 23, 17, 0, 0),
    ]
    assert ask(
        folder, "select distinct stimulus from subject_stimulus where not is_used and is_seen"
    ).rows() == [("elsewhere",)]
    assert ask(folder, "select count(*) from subject_stimulus where stimulus = 's23' and is_seen").item() == 0


def test_the_notebook_gives_the_rdm_of_what_a_subject_saw(done: tuple[Path, np.ndarray]) -> None:
    folder, _ = done
    with alignhouse.open(folder / "w.alignhouse") as warehouse:
        found = warehouse.rdm(roi="V1", subject="p3")
    assert found.conditions == tuple(NAMES[3:23])
    np.testing.assert_allclose(found.values, rdm(folder, "p3", "V1", NAMES[3:23]), atol=1e-6)


def test_nothing_is_left_to_do_and_every_statistic_is_there(done: tuple[Path, np.ndarray]) -> None:
    folder, _ = done
    assert run_study(read_study(folder / "study.toml"), command="again").jobs_done == 0
    for table in ("significance", "score_interval", "layer_choice", "group_comparison", "control_score"):
        rows = ask(folder, f"select * from {table}")
        assert len(rows), table
        assert not rows.select(pl.selectors.float().is_nan().any()).row(0).count(True), table
    assert (folder / "report" / "index.html").is_file()


def changed(folder: Path, tmp_path: Path, old: str, new: str) -> Path:
    text = STUDY.replace(old, new)
    for name in ("people", "pictures", "models"):
        text = text.replace(f'"{name}"', f'"{folder / name}"')
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    return tmp_path / "study.toml"


def test_shared_stimuli_are_those_that_all_subjects_saw(folder: Path, tmp_path: Path) -> None:
    write_models(folder, 17)
    study = changed(folder, tmp_path, 'stimuli = "own"', 'stimuli = "shared"')
    run_study(read_study(study), command="test", until="rsa")
    assert ask(tmp_path, "select distinct n_stimuli from noise_ceiling").item() == 17
    with alignhouse.open(tmp_path / "w.alignhouse") as warehouse:
        assert warehouse.rdm(roi="V1", subject="p4").conditions == tuple(NAMES[3:20])
        assert warehouse.ask("coverage")["not_used"].to_list() == [4, 3, 3, 6]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('stimuli = "own"\n', "", r'p1, V1: .*missing elsewhere.*set brain.stimuli = "shared" or "own"'),
        ('"own"\n[stimuli]', '"own"\naverage_subjects = true\n[stimuli]', "brain.stimuli: .*all or shared"),
        (
            "[analysis]\n",
            '[analysis]\nprotocols = "paper"\n',
            "null 'rows_only' of subjects who saw different",
        ),
        (
            'path = "people"',
            'path = "people"\nsubjects = ["p4", "few"]',
            "few saw: .*at least 16 of 23, found 9",
        ),
    ],
    ids=["all", "averages", "paper", "few"],
)
def test_what_cannot_be_done_is_said(folder: Path, tmp_path: Path, old: str, new: str, message: str) -> None:
    write_models(folder, 23)
    with pytest.raises(BadInput, match=message):
        run_study(read_study(changed(folder, tmp_path, old, new)), command="test")
