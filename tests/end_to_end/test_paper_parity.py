"""Protocol `paper` reproduces the numbers of the published code through the whole pipeline."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import alignhouse
from network_alone import null_distribution

from alignhouse.analysis.statistics.permutation import p_value, stimulus_permutations
from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.vectors import read_vectors

NETWORKS = ("ResNet34", "c2d_r50_nopool_mma")
REGIONS = ("EBA", "V1", "hV4")
STUDY = """
[study]
warehouse = "parity.alignhouse"
[brain]
path = "{data}/betas"
regions = ["V1", "hV4", "EBA"]
[stimuli]
path = "{data}/clips"
[networks]
rdms = "models"
conditions = "stimulus_order"
[analysis]
protocols = ["paper"]
permutations = 100
"""


@pytest.fixture(scope="module")
def expected(test_data: Path) -> Path:
    return test_data / "paper_parity" / "expected"


@pytest.fixture(scope="module")
def warehouse(test_data: Path, expected: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parity")
    for network in NETWORKS:
        (folder / "models" / network).mkdir(parents=True)
        shutil.copy(expected / network / "model_rdms_pca22.npz", folder / "models" / network)
    study = folder / "parity.toml"
    study.write_text(STUDY.format(data=json.dumps(str(test_data / "paper_parity"))[1:-1]), encoding="utf-8")
    done = alignhouse("run", str(study), "--no-report", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder / "parity.alignhouse"


@pytest.mark.parametrize("roi", REGIONS)
def test_brain_rdms(warehouse: Path, expected: Path, roi: str) -> None:
    [file] = (warehouse / "rdms" / "kind=brain").rglob(f"roi={roi}/*.parquet")
    names, rdms = read_vectors(file, "rdm")
    assert names["subject"].to_list() == [f"sub-{number:02d}" for number in range(1, 11)]
    published = np.load(expected / "brain_rdms" / f"fmri_{roi}.npz")["arr_0"]
    upper = np.triu_indices(24, 1)
    np.testing.assert_allclose(rdms, published[:, *upper], atol=1e-6, rtol=0)


@pytest.mark.parametrize("network", NETWORKS)
def test_scores_sem_and_ceilings(warehouse: Path, expected: Path, network: str) -> None:
    published = pl.read_csv(expected / network / "scores.csv")
    with Warehouse.open(warehouse) as opened:
        scores = opened.sql(
            "select roi, layer, rho, sem, lower, upper from layer_score"
            " inner join noise_ceiling using (protocol, dataset, split, roi) where model = $model",
            {"model": network},
        ).pl()
        subjects = opened.sql(
            "select roi, layer, list(rho order by subject) as rhos"
            " from alignment where model = $model group by all",
            {"model": network},
        ).pl()
    both = published.join(scores, on=["roi", "layer"], suffix="_ours").join(subjects, on=["roi", "layer"])
    assert len(both) == len(published)
    for row in both.iter_rows(named=True):
        assert row["rho"] == pytest.approx(row["r_mean"], abs=1e-6)
        assert row["sem_ours"] == pytest.approx(row["sem"], abs=1e-6)
        assert row["lower"] == pytest.approx(row["ceiling_lower"], abs=1e-6)
        assert row["upper"] == pytest.approx(row["ceiling_upper"], abs=1e-6)
        assert row["rhos"] == pytest.approx(ast.literal_eval(row["rho_per_subject"]), abs=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
def test_nulls_and_p_values_under_the_published_permutations(
    warehouse: Path, expected: Path, network: str
) -> None:
    published = pl.read_csv(expected / network / "scores.csv")
    nulls = np.load(expected / network / "null_distributions.npz")
    permutations = np.load(expected / "permutations_100.npy")
    [model_file] = (warehouse / "rdms" / "kind=model" / f"model={network}").glob("*.parquet")
    names, model_rdms = read_vectors(model_file, "rdm")
    for roi in REGIONS:
        [brain_file] = (warehouse / "rdms" / "kind=brain").rglob(f"roi={roi}/*.parquet")
        _, brain_rdms = read_vectors(brain_file, "rdm")
        ours = null_distribution(model_rdms, brain_rdms, permutations, null="rows_only")
        scored = published.filter(roi=roi)["layer"].to_list()
        assert len(scored) >= 6
        for layer in scored:
            null = ours[names["layer"].to_list().index(layer)]
            np.testing.assert_allclose(null, nulls[f"{layer}_fmri_{roi}"], atol=1e-6, rtol=0)
            row = published.filter(roi=roi, layer=layer).row(0, named=True)
            assert float(p_value(row["r_mean"], null, "share")) == pytest.approx(row["p_value"], abs=1e-6)


def test_the_stored_nulls_are_those_of_the_stored_rdms(warehouse: Path) -> None:
    [file] = (warehouse / "nulls").rglob("model=ResNet34/*.parquet")
    names, stored = read_vectors(file, "null")
    assert (stored.dtype, stored.shape) == (np.float32, (len(names), 100))
    [model_file] = (warehouse / "rdms" / "kind=model" / "model=ResNet34").glob("*.parquet")
    [brain_file] = (warehouse / "rdms" / "kind=brain").rglob("roi=EBA/*.parquet")
    again = null_distribution(
        read_vectors(model_file, "rdm")[1],
        read_vectors(brain_file, "rdm")[1],
        stimulus_permutations(24, 100, 0),
        null="rows_only",
    )
    layers = ((names["roi"] == "EBA") & (names["test"] == "layer")).to_numpy()
    np.testing.assert_allclose(stored[layers], again, atol=1e-7, rtol=0)
