"""Voxel encoding in a study: rows equal explicit ridge regressions on the stored betas and features."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from betas_in_memory import read_betas
from explicit_ridge import ridge_of_features
from mini_study import ONE_PROTOCOL
from numpy.typing import NDArray
from PIL import Image

from alignhouse.ingest.betas.reading import BetaFile
from alignhouse.ingest.betas.reliability import ncsnr
from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import BadInput, Warehouse

N_TRAIN = 5
WIDTHS = {"one": 30, "two": 7}
Float = NDArray[np.float64]


@pytest.fixture
def study(full_study: Any) -> Any:
    return full_study


@pytest.fixture
def encoded(study: Any) -> Any:
    """A study of features with voxel encoding, without a train split."""
    study.change('rdms = "models"', 'features = "features"')
    study.change(*ONE_PROTOCOL)
    study.change("permutations = 50", "permutations = 50\nbootstraps = 20\nhalvings = 0")
    study.change("[report]", "[encoding]\nvoxels = true\nrefits = 20\n[report]")
    write_features(study, [f"{1001 + number}" for number in range(12)])
    return study


def write_features(study: Any, names: list[str]) -> dict[str, Float]:
    random = np.random.default_rng(3)
    folder = study.folder / "features" / "my_own"
    folder.mkdir(parents=True, exist_ok=True)
    found = {layer: random.normal(size=(len(names), width)) + 2 for layer, width in WIDTHS.items()}
    for layer, features in found.items():
        np.savez(folder / f"{layer}.npz", features=features, conditions=names)
    return found


def rows(study: Any, query: str) -> pl.DataFrame:
    with Warehouse.open(study.warehouse) as opened:
        return opened.sql(query).pl()


def ridge(x: Float, y: Float, x_new: Float, alphas: list[float]) -> tuple[Float, Float]:
    """Predictions (m, V) and cross-validated R squared (V,), by generalised cross-validation on features."""
    errors, fits = ridge_of_features(x, y, x_new, alphas)
    best = errors.argmin(axis=0)
    return fits[best, :, np.arange(y.shape[1])].T, 1 - errors.min(axis=0)


def test_encoding_of_a_train_and_a_test_split_equals_ridge_on_the_features(encoded: Any) -> None:
    encoded.change("synthetic = true", 'synthetic = true\nsplit = "all"')
    train = [f"{number:04d}" for number in range(1, N_TRAIN + 1)]
    test = [f"{1001 + number}" for number in range(12)]
    random = np.random.default_rng(0)
    for name in train:
        pixels = random.integers(0, 255, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(encoded.folder / "stimuli" / f"{name}.png")
    features = write_features(encoded, train + test)
    run_study(read_study(encoded.file), command="test")
    scores = rows(encoded, "select * from encoding_score")
    best = rows(encoded, "select * from encoding_best")
    assert set(scores["protocol"]) == {"sound-encoding"}
    assert (len(scores), len(best)) == (2 * 2 * 3, 2)
    assert set(best["chosen_on"]) == {"train"}
    parts = [BetaFile("sub-02", part, encoded.betas(2, part)) for part in ("lEBA", "rEBA")]
    betas = [read_betas(part) for part in parts]
    responses = {
        split: np.concatenate([each[split] for each in betas], axis=2) for split in ("train", "test")
    }
    fitted, scored = (responses[split].astype(float).mean(axis=1) for split in ("train", "test"))
    snr = ncsnr(responses.values())
    ceiling = np.sqrt(snr**2 / (snr**2 + 1 / 10))
    alphas = [10.0**power for power in range(-4, 6)]
    for layer, x in features.items():
        predicted, r2 = ridge(x[:N_TRAIN], fitted, x[N_TRAIN:], alphas)
        r = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(predicted.T, scored.T, strict=True)])
        used = ceiling > 0
        [row] = scores.filter(layer=layer, roi="EBA", subject="sub-02").iter_rows(named=True)
        assert row["r"] == pytest.approx(np.median(r[used]), abs=2e-5)
        assert row["r_normalised"] == pytest.approx(np.median(r[used] / ceiling[used]), abs=1e-4)
        assert row["training_r2"] == pytest.approx(np.median(r2), abs=1e-4)
        assert (row["n_voxels"], row["n_left_out"]) == (used.sum(), (~used).sum())
    for row in best.iter_rows(named=True):
        of_region = scores.filter(roi=row["roi"])
        means = of_region.group_by("layer").agg(pl.col("training_r2").mean(), pl.col("r_normalised").mean())
        chosen = means.sort("training_r2")["layer"][-1]
        assert row["layer"] == chosen
        assert row["r"] == pytest.approx(means.filter(layer=chosen)["r_normalised"].item(), abs=1e-6)
        assert row["lower"] < row["r"] < row["upper"]
        assert (row["resampled"], row["method"], row["permutations"]) == ("both", "dual", 50)
        assert 1 / 51 <= row["p_value"] <= 1
        # The test stimuli are not fitted: by chance, r is about 0.
        assert abs(row["r_by_chance"]) < 0.15
    answer = json.loads(encoded.alignhouse("ask", "encoding", "--roi", "EBA", "--format", "json").stdout)
    assert [row["model"] for row in answer] == ["my_own"]
    assert answer[0]["best_rho"] == pytest.approx(
        rows(encoded, "select rho from best_layer where protocol = 'sound' and roi = 'EBA'").item()
    )


def test_encoding_of_one_split_is_over_folds(encoded: Any) -> None:
    done = run_study(read_study(encoded.file), command="test")
    assert done.jobs_done > 0
    best = rows(encoded, "select * from encoding_best")
    assert set(best["chosen_on"]) == {"folds"}
    assert set(best["method"]) == {"student"}
    assert set(best["permutations"]) == {20}
    assert best["r_by_chance"].null_count() == 0
    # The betas are noise.
    assert (best["p_value"] > 1 / 21).any()
    [file] = (encoded.warehouse / "encodings").rglob("*.parquet")
    voxels = pl.read_parquet(file)
    counts = rows(
        encoded, "select roi, subject, any_value(n_voxels) as n_voxels from encoding_score group by all"
    )
    found = voxels.group_by("roi", "subject").agg(pl.len(), pl.col("r").median())
    both = found.join(counts, on=["roi", "subject"])
    assert both.height == 6
    assert (both["len"] == both["n_voxels"]).all()
    assert run_study(read_study(encoded.file), command="again").jobs_done == 0
    # Scores of RSA do not depend on it, and other settings of the encoding renew its rows alone.
    encoded.change("refits = 20", "refits = 10")
    assert run_study(read_study(encoded.file), command="changed").jobs_done == 2
    assert set(rows(encoded, "select * from encoding_best")["permutations"]) == {10}
    for key in ("alphas = [1, 10]", 'alpha_by = "folds"', 'alpha_per = "region"'):
        encoded.change("refits = 10", f"refits = 10\n{key}")
        assert run_study(read_study(encoded.file), command=key).jobs_done == 2, key


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('kind = "bmd"\npath = "betas"', 'kind = "rdms"\npath = "betas"'), "has no betas"),
        (("synthetic = true", 'synthetic = true\nstimuli = "own"'), "saw the same stimuli"),
        (("synthetic = true", "synthetic = true\naverage_subjects = true"), "average_subjects"),
        (('protocols = ["sound"]', 'protocols = ["paper"]'), "whole feature patterns, such as sound"),
        (("refits = 20", "alphas = [1, -1]"), "encoding.alphas.*numbers above 0"),
        (('features = "features"', 'rdms = "models"'), "protocol sound-encoding.*features"),
    ],
    ids=["ready RDMs", "own stimuli", "averaged", "components", "penalties", "RDMs of networks"],
)
def test_what_cannot_be_encoded_is_refused_at_once(
    encoded: Any, change: tuple[str, str], message: str
) -> None:
    encoded.change(*change)
    with pytest.raises(BadInput, match=message):
        run_study(read_study(encoded.file), command="test")
    assert not encoded.warehouse.exists()
