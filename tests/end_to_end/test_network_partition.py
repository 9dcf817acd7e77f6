"""Variance partitions of two networks in a study whose truth is known: region by region, against formulas."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from betas_in_memory import read_betas
from explicit_ridge import ridge_of_features
from made_once import made_once, session_folder
from mini_study import ONE_PROTOCOL, MiniStudy, mini_study
from numpy.typing import NDArray
from PIL import Image

from alignhouse.analysis.kernels.banded_ridge import joint_weights
from alignhouse.analysis.statistics.bootstrap import STIMULI, SUBJECTS, resample_counts
from alignhouse.analysis.statistics.encoding_bootstrap import encoding_bootstrap
from alignhouse.analysis.statistics.intervals import intervals_of
from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.reliability import ncsnr
from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import BadInput, Warehouse

Float = NDArray[np.float64]

N_TRAIN, N_TEST, N_VOXELS, WIDTH, DRAWS = 60, 40, 20, 2, 60
NAMES = [f"{1 + i:04d}" for i in range(N_TRAIN)] + [f"{1001 + i}" for i in range(N_TEST)]
# Region -> the shares of its signal that come from features of one network alone, the other, or both.
TRUTH = {"FFA": (1, 0, 0), "PPA": (0.5, 0.5, 0), "EBA": (0, 0, 1)}
PAIRS = 'pairs = [["two", "one"]]'
ALPHAS = [10.0**power for power in range(-4, 6)]
COLUMNS = ("r2_network", "r2_other", "r2_both", "unique_network", "unique_other", "shared")
BOUNDED = ("unique_network", "unique_other", "shared")


def layer(study: MiniStudy, network: str, name: str) -> Float:
    return np.load(study.folder / "features" / network / f"{name}.npz")["features"]


def write_study(folder: Path) -> None:
    """Networks `one` and `two` have features of their own and features in common; `three` has noise."""
    study = mini_study(folder)
    random = np.random.default_rng(1)
    spaces = random.normal(size=(3, len(NAMES), WIDTH))
    networks = {
        "one": {"late": np.concatenate([spaces[0], spaces[2]], axis=1)},
        "two": {"late": spaces[1], "top": spaces[2]},
        "three": {"late": random.normal(size=(len(NAMES), 9))},
    }
    for network, layers in networks.items():
        (study.folder / "features" / network).mkdir(parents=True)
        for name, features in {"early": random.normal(size=(len(NAMES), 8)), **layers}.items():
            file = study.folder / "features" / network / f"{name}.npz"
            np.savez(file, features=features, conditions=NAMES)
    for roi, shares in TRUTH.items():
        for subject in (1, 2, 3):
            for side in "lr":
                signals = spaces @ random.normal(size=(3, WIDTH, N_VOXELS))
                signals /= signals.std(axis=1, keepdims=True)
                signal = np.einsum("s,snv->nv", np.sqrt(shares), signals)
                betas = signal[:, None] + random.normal(size=(len(NAMES), 10, N_VOXELS))
                data = {"train_data_allvoxel": betas[:N_TRAIN, :3], "test_data_allvoxel": betas[N_TRAIN:]}
                study.betas(subject, side + roi).write_bytes(pickle.dumps(data))
    for name in NAMES:
        pixels = random.integers(0, 255, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(study.folder / "stimuli" / f"{name}.png")
    study.change('rdms = "models"', 'features = "features"')
    study.change('regions = ["V1", "EBA"]', 'regions = ["FFA", "PPA", "EBA"]\nsplit = "all"')
    study.change(*ONE_PROTOCOL)
    study.change("permutations = 50", f"permutations = 20\nbootstraps = {DRAWS}\nhalvings = 0")
    study.change("[report]", f"[encoding]\nvoxels = true\n{PAIRS}\n[report]")


@pytest.fixture(scope="session")
def finished_pairs(tmp_path_factory: pytest.TempPathFactory) -> MiniStudy:
    """The finished study, which tests may only read."""

    def make(folder: Path) -> None:
        write_study(folder)
        run_study(read_study(folder / "study.toml"), command="pairs")

    return MiniStudy(made_once(session_folder(tmp_path_factory) / "network_partition", make))


@pytest.fixture
def pairs(finished_pairs: MiniStudy, tmp_path: Path) -> MiniStudy:
    """A copy of the finished study."""
    return MiniStudy(Path(shutil.copytree(finished_pairs.folder, tmp_path / "study")))


def rows(warehouse: Path, query: str = "select * from network_partition") -> pl.DataFrame:
    with Warehouse.open(warehouse) as opened:
        return opened.sql(query).pl()


def run(study: MiniStudy, command: str) -> int:
    return run_study(read_study(study.file), command=command).jobs_done


def responses_of(study: MiniStudy, roi: str, subject: int) -> tuple[Float, Float]:
    """Mean responses (n, V), and the squared ceilings (V,) on the test stimuli."""
    parts = [f"{side}{roi}" for side in "lr"]
    files = [BetaFile(f"sub-{subject:02d}", part, study.betas(subject, part)) for part in parts]
    read = [read_betas(file) for file in files]
    betas = [np.concatenate([each[split] for each in read], axis=2) for split in ("train", "test")]
    snr = ncsnr(betas)
    responses = np.concatenate([each.astype(float).mean(axis=1) for each in betas])
    return responses.astype(np.float32).astype(float), snr**2 / (snr**2 + 1 / 10)


def explicit_predictions(one: Float, other: Float, y: Float, n_weights: int) -> list[Float]:
    """Predictions (m, V) of two sets and of both, with a penalty and weights of all voxels, by features."""
    scaled = []
    for x in (one, other):
        centred = x - x[:N_TRAIN].mean(axis=0)
        scaled.append(centred / np.sqrt((centred[:N_TRAIN] ** 2).sum() / N_TRAIN))
    shares = joint_weights([[1.0]], [[1.0]], n_weights, seed=0)
    mixtures = [np.concatenate([np.sqrt(a) * scaled[0], np.sqrt(b) * scaled[1]], axis=1) for a, b in shares]

    def best(candidates: list[Float]) -> Float:
        errors, fits = zip(
            *(ridge_of_features(x[:N_TRAIN], y[:N_TRAIN], x[N_TRAIN:], ALPHAS) for x in candidates),
            strict=True,
        )
        means = np.concatenate(errors).mean(axis=1)
        return np.concatenate(fits)[means.argmin()]

    return [best([scaled[0]]), best([scaled[1]]), best([*scaled, *mixtures])]


def explicit_parts(predictions: list[Float], y: Float, squared: Float) -> Float:
    """Medians over voxels of the three R squared, the two unique parts, and what is shared: (6,)."""
    centred = y - y.mean(axis=0)
    one, other, both = (
        1 - ((centred - (each - each.mean(axis=0))) ** 2).sum(axis=0) / (centred**2).sum(axis=0)
        for each in predictions
    )
    return np.median(np.stack([one, other, both, both - other, both - one, one + other - both]) / squared, 1)


@pytest.mark.parametrize("roi", TRUTH)
def test_rows_equal_three_explicit_ridge_regressions(finished_pairs: MiniStudy, roi: str) -> None:
    [row] = rows(finished_pairs.warehouse).filter(roi=roi).iter_rows(named=True)
    assert (row["model"], row["other_model"], row["weights_per"]) == ("one", "two", "region")
    assert (row["is_normalised"], row["n_subjects"]) == (True, 3)
    assert row["n_voxels"] == 3 * 2 * N_VOXELS
    one = layer(finished_pairs, "one", row["layer"])
    other = layer(finished_pairs, "two", row["other_layer"])
    counts = resample_counts(N_TEST, DRAWS, 0, STIMULI, fewest=3)
    observed, resampled = [], []
    for subject in (1, 2, 3):
        y, squared = responses_of(finished_pairs, roi, subject)
        predictions, test = explicit_predictions(one, other, y, row["candidates"]), y[N_TRAIN:]
        observed.append(explicit_parts(predictions, test, squared))
        draws = [np.repeat(np.arange(N_TEST), drawn) for drawn in counts]
        of_draws = [explicit_parts([each[own] for each in predictions], test[own], squared) for own in draws]
        resampled.append(np.stack(of_draws, axis=1)[3:])
    means = np.mean(observed, axis=0)
    for column, expected in zip(COLUMNS, means, strict=True):
        assert row[column] == pytest.approx(expected, abs=1e-4), column
    # The same draws and the same interval as every other score of an encoding.
    bootstrap = encoding_bootstrap(
        np.stack(observed)[:, 3:], resampled, resample_counts(3, DRAWS, 0, SUBJECTS), N_TEST
    )
    interval = intervals_of(bootstrap)["both", "dual"]
    for place, column in enumerate(BOUNDED):
        assert row[f"{column}_lower"] == pytest.approx(interval.lower[place], abs=2e-4), column
        assert row[f"{column}_upper"] == pytest.approx(interval.upper[place], abs=2e-4), column
    assert (row["resampled"], row["method"], row["draws"]) == ("both", "dual", DRAWS)


def test_the_partition_recovers_what_each_region_was_made_from(finished_pairs: MiniStudy) -> None:
    found = rows(finished_pairs.warehouse)
    best = rows(finished_pairs.warehouse, "select model, roi, layer from encoding_best")
    assert len(found) == 3
    for row in found.iter_rows(named=True):
        of_region = best.filter(roi=row["roi"])
        assert row["layer"] == of_region.filter(model="one")["layer"].item() == "late"
        assert row["other_layer"] == of_region.filter(model="two")["layer"].item()
        if row["roi"] != "FFA":
            assert row["other_layer"] == {"PPA": "late", "EBA": "top"}[row["roi"]]
        parts = [row[name] for name in BOUNDED]
        assert parts == pytest.approx(TRUTH[row["roi"]], abs=0.12), row["roi"]
        for name, truth in zip(BOUNDED, TRUTH[row["roi"]], strict=True):
            assert row[f"{name}_lower"] <= row[name] <= row[f"{name}_upper"]
            if truth:
                assert row[f"{name}_lower"] > 0


def test_the_question_shows_each_network_beyond_the_other(finished_pairs: MiniStudy) -> None:
    [stored] = rows(finished_pairs.warehouse).filter(roi="PPA").iter_rows(named=True)
    asked = ("ask", "variance_partition", "--roi", "PPA", "--format", "json", "--beyond")
    [beyond_two] = json.loads(finished_pairs.alignhouse(*asked, "two").stdout)
    assert (beyond_two["model"], beyond_two["beyond"]) == ("one", "two")
    assert all(beyond_two[name] == stored[name] for name in COLUMNS)
    [beyond_one] = json.loads(finished_pairs.alignhouse(*asked, "one").stdout)
    assert (beyond_one["model"], beyond_one["beyond"]) == ("two", "one")
    assert (beyond_one["layer"], beyond_one["other_layer"]) == (stored["other_layer"], stored["layer"])
    for ours, theirs in (("network", "other"), ("other", "network")):
        assert beyond_one[f"r2_{ours}"] == stored[f"r2_{theirs}"]
        for end in ("", "_lower", "_upper"):
            assert beyond_one[f"unique_{ours}{end}"] == stored[f"unique_{theirs}{end}"]
    for name in ("r2_both", "shared", "shared_lower", "shared_upper", "is_normalised", "n_voxels"):
        assert beyond_one[name] == stored[name]
    plain = finished_pairs.alignhouse("ask", "variance_partition")
    assert "this warehouse has no beyond 'controls'; it has one, two, try --beyond one" in plain.stderr


def test_a_changed_pair_renews_its_own_rows_alone(pairs: MiniStudy) -> None:
    query = "select artifact, table_name from artifact where is_current"
    before, first = rows(pairs.warehouse, query), rows(pairs.warehouse)
    # No other job depends on pairs.
    pairs.change(PAIRS, "")
    assert run(pairs, "without pairs") == 0
    # The other order, and globs that add nothing: the same pair.
    pairs.change("voxels = true", 'voxels = true\npairs = [["one", "t*o"], ["o*", "*w*"]]')
    assert run(pairs, "the same pair") == 0
    pairs.change('[["one", "t*o"], ["o*", "*w*"]]', '[["*", "three"]]')
    assert run(pairs, "others") == 2
    after = rows(pairs.warehouse, query)
    assert set(before["artifact"]) <= set(after["artifact"])
    added = after.join(before, on="artifact", how="anti")
    assert added["table_name"].to_list() == ["network_partition"] * 2
    found = rows(pairs.warehouse)
    order = ["model", "other_model", "roi"]
    assert found.filter(other_model="two", model="one").sort(order).equals(first.sort(order))
    named = found.select("model", "other_model").unique().sort("model", "other_model").rows()
    assert named == [("one", "three"), ("one", "two"), ("three", "two")]
    # `three` has noise only.
    assert found.filter(other_model="three")["unique_other"].abs().max() < 0.05
    pairs.change("voxels = true", 'voxels = true\nweights_per = "voxel"')
    assert run(pairs, "weights of voxels") == 2
    other = rows(pairs.warehouse, "select * from network_partition where 'three' in (model, other_model)")
    assert set(other["weights_per"]) == {"voxel"}
    assert pairs.alignhouse("check").returncode == 0


def test_a_rebuild_and_a_merge_keep_pairs(pairs: MiniStudy) -> None:
    other = pairs.folder / "other.alignhouse"
    shutil.copytree(pairs.warehouse, other)
    # Jobs of other networks with the same settings are no contradiction.
    pairs.change(PAIRS, 'pairs = [["two", "three"]]')
    assert run(pairs, "another pair") == 1
    expected = rows(pairs.warehouse).sort("model", "roi")
    assert set(expected["model"]) == {"one", "three"}
    merged = pairs.alignhouse("merge", other.name, pairs.warehouse.name)
    assert merged.returncode == 0, merged.stderr
    rebuilt = pairs.alignhouse("rebuild", "--warehouse", other.name)
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert rows(other).sort("model", "roi").equals(expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((PAIRS, 'pairs = [["one", "tow"]]'), "no network is called 'tow' .did you mean two"),
        ((PAIRS, 'pairs = [["one", "one"]]'), "expected two networks, found one beyond itself"),
        ((f"voxels = true\n{PAIRS}", PAIRS), "encoding.pairs: expected no such key without voxels = true"),
    ],
    ids=["unknown", "itself", "no voxels"],
)
def test_wrong_pairs_are_refused_before_anything_is_stored(
    pairs: MiniStudy, change: tuple[str, str], message: str
) -> None:
    shutil.rmtree(pairs.warehouse)
    pairs.change(*change)
    with pytest.raises(BadInput, match=message):
        run(pairs, "wrong")
    assert not pairs.warehouse.exists()
