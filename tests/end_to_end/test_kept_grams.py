"""Gram matrices in studies: shared extractions, RDMs that derive from them, and commands that keep them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mini_study import SCORE
from scipy.spatial.distance import pdist
from small_networks import TRANSFORM, network_study

import alignhouse
from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.artifacts import Artifact
from alignhouse.warehouse.schema import sql_files

EXTRACT = ("ingest", "networks", "study.toml")
FUNCTIONS = f"""{TRANSFORM}
def net():
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 9), nn.ReLU(), nn.Linear(9, 5)), transform, "net"
"""
FLAT = '[protocols.flat]\nextraction = { distance = "euclidean" }\n'
BOTH = ('["sound", "paper"]', '["sound", "flat"]')


@pytest.fixture
def study(full_study: Any) -> Any:
    return full_study


@pytest.fixture
def networks(study: Any, tmp_path: Path) -> Any:
    """A study of a small network under one protocol."""
    network_study(study, tmp_path.name, FUNCTIONS, "net")
    study.change(BOTH[0], '["sound"]')
    study.change("permutations = 50", "permutations = 9\nbootstraps = 0\nhalvings = 0")
    study.file.write_text(study.file.read_text(encoding="utf-8") + FLAT, encoding="utf-8")
    return study


def extract(study: Any) -> str:
    done = study.alignhouse(*EXTRACT)
    assert done.returncode == 0, done.stderr
    said: str = done.stderr + done.stdout
    return said


def artifacts(study: Any) -> list[Artifact]:
    """Those of networks, in the order of their registration."""
    with Warehouse.open(study.warehouse) as opened:
        names = opened.sql(
            "select artifact from artifact where method in ('extraction', 'rdm_of_grams')"
            " order by registered_at"
        ).fetchall()
        return list(opened.artifacts("artifacts_named", names=[name for (name,) in names]))


def rdms_by_distance(study: Any) -> Mapping[str, np.ndarray]:
    found = {}
    for each in artifacts(study):
        if each.path.startswith("rdms"):
            asked = each.settings.get("extraction", each.settings)
            found[asked.get("distance", "correlation")] = each.vectors("rdm")[1]
    return found


def test_protocols_share_an_extraction_and_have_the_rdms_of_direct_ones(networks: Any) -> None:
    networks.change('["sound"]', BOTH[1])
    networks.change("include = []", "include = []\nkeep = []")
    said = extract(networks)
    assert "Extracting RDMs of networks: 2 to do" in said
    directly = rdms_by_distance(networks)
    assert [each.method for each in artifacts(networks)] == ["extraction"] * 2
    shutil.rmtree(networks.warehouse)
    networks.change("keep = []", 'keep = ["grams"]')
    said = extract(networks)
    assert "Extracting RDMs of networks: 1 to do" in said
    assert "RDMs from Gram matrices: 1 to do" in said
    derived = rdms_by_distance(networks)
    assert derived.keys() == directly.keys() == {"correlation", "euclidean"}
    for distance, rdms in derived.items():
        assert rdms.tobytes() == directly[distance].tobytes()
    assert "Nothing to do" in extract(networks)
    networks.change('keep = ["grams"]', "keep = []")
    assert "Nothing to do" in extract(networks)
    networks.change('distance = "euclidean"', 'distance = "squared_euclidean"')
    networks.change("keep = []", "")
    said = extract(networks)
    assert "RDMs from Gram matrices: 1 to do" in said
    assert "Extracting" not in said
    np.testing.assert_allclose(
        rdms_by_distance(networks)["squared_euclidean"], derived["euclidean"] ** 2, rtol=1e-12
    )


def test_a_warehouse_without_grams_is_used_and_extended(networks: Any) -> None:
    networks.change("include = []", "include = []\nkeep = []")
    extract(networks)
    [before] = artifacts(networks)
    networks.change("keep = []", "")
    assert "Nothing to do" in extract(networks), "as stored before Gram matrices were kept"
    networks.change('["sound"]', BOTH[1])
    said = extract(networks)
    assert (
        "Extracting again, because RDMs were stored without the Gram matrices that protocol flat needs: net"
        in said
    )
    assert before in artifacts(networks)
    done = networks.alignhouse(*SCORE)
    assert done.returncode == 0, done.stderr
    with Warehouse.open(networks.warehouse) as opened:
        inputs = opened.sql(
            "select settings ->> 'protocol', inputs ->> 'model' from artifact where table_name = 'alignment'"
        ).fetchall()
    used = dict(inputs)
    assert used["sound"] in (before.artifact, before.job)
    [derived] = [each for each in artifacts(networks) if each.method == "rdm_of_grams"]
    assert used["flat"] in (derived.artifact, derived.job)
    with Warehouse.open(networks.warehouse) as opened:
        listed = opened.sql(sql_files("report")["inputs"], {"dataset": "mini"}).fetchall()
    of_networks = {(kind, name) for kind, name, *_ in listed if "model=" in name}
    # The extraction that was made again has RDMs too.
    assert {kind for kind, _ in of_networks} == {"extraction", "rdm_of_grams"}
    assert len(of_networks) == 3
    with alignhouse.open(networks.warehouse) as w:
        for protocol, measure in (("sound", "1 - Pearson"), ("flat", "euclidean")):
            assert w.rdm(model="net-random0", layer="1", protocol=protocol).measure == measure
    answer = networks.alignhouse(
        "ask", "provenance", "--model", "net-random0", "--protocol", "flat", "--format", "csv"
    ).stdout
    for method in ("rdm_of_grams", "extraction"):
        assert f",{method}," in answer.replace(" ", "")


def test_commands_keep_grams_and_a_damaged_one_is_made_again(networks: Any) -> None:
    networks.change('["sound"]', BOTH[1])
    extract(networks)
    stored = {each.path for each in artifacts(networks)}
    [gram] = [path for path in stored if path.startswith("grams/kind=model/model=net")]
    folder = networks.warehouse.name
    for command in (
        ("check", "--warehouse", folder),
        ("copy", folder, "copy.alignhouse"),
        ("rebuild", "--warehouse", folder),
        ("vacuum", "--warehouse", folder),
        ("check", "--warehouse", "copy.alignhouse"),
    ):
        done = networks.alignhouse(*command)
        assert done.returncode == 0, (command, done.stderr)
    for place in (networks.warehouse, networks.folder / "copy.alignhouse"):
        assert (place / gram).is_file()
    assert "Nothing to do" in extract(networks)
    content = (networks.warehouse / gram).read_bytes()
    (networks.warehouse / gram).write_bytes(content[:-9] + b"x" * 9)
    refused = networks.alignhouse("check", "--warehouse", folder)
    assert refused.returncode != 0
    assert gram in refused.stderr + refused.stdout
    networks.change('distance = "euclidean"', 'distance = "cosine"')
    failed = networks.alignhouse(*EXTRACT)
    assert failed.returncode != 0
    assert gram in failed.stderr
    assert "Extracting RDMs of networks: 1 to do" in extract(networks)
    assert (networks.warehouse / gram).read_bytes() == content
    assert rdms_by_distance(networks).keys() == {"correlation", "euclidean", "cosine"}


def test_a_merge_brings_grams(networks: Any) -> None:
    networks.change('["sound"]', BOTH[1])
    extract(networks)
    networks.change('warehouse = "mini.alignhouse"', 'warehouse = "other.alignhouse"')
    networks.change("include = []", "include = []\nkeep = []\nseed = 1")
    extract(networks)
    merged = networks.alignhouse("merge", "other.alignhouse", networks.warehouse.name)
    assert merged.returncode == 0, merged.stderr
    for each in artifacts(networks):
        assert (networks.folder / "other.alignhouse" / each.path).is_file()


def test_features_of_another_program_have_the_distance_of_the_protocol(study: Any) -> None:
    rng = np.random.default_rng(0)
    folder = study.folder / "features" / "ours"
    folder.mkdir(parents=True)
    names = np.array([f"{1001 + i}" for i in range(12)])
    features = {layer: rng.normal(2, 1, size=(12, 20)) for layer in ("one", "two")}
    for layer, values in features.items():
        np.savez(folder / f"{layer}.npz", features=values[::-1], conditions=names[::-1])
    study.change('rdms = "models"', 'features = "features"')
    study.change('["sound", "paper"]', '["sound"]')
    extract(study)
    assert len(list(study.warehouse.rglob("grams/**/*.parquet"))) == 1
    study.file.write_text(study.file.read_text(encoding="utf-8") + FLAT, encoding="utf-8")
    study.change('["sound"]', BOTH[1])
    said = extract(study)
    assert "Model RDMs" not in said
    assert "RDMs from Gram matrices: 1 to do" in said
    [derived] = artifacts(study)
    rows, rdms = derived.vectors("rdm")
    assert rows.select("layer", "layer_index", "depth", "width").rows() == [
        ("one", 0, None, 20),
        ("two", 1, None, 20),
    ]
    for layer, rdm in zip(rows["layer"], rdms, strict=True):
        np.testing.assert_allclose(rdm, pdist(features[layer], "euclidean"), rtol=1e-10)
    assert "Nothing to do" in extract(study)
    # A layer that is an RDM has no other distance.
    np.savez(folder / "three.npz", rdm=rng.random(66), conditions=names)
    refused = study.alignhouse(*EXTRACT)
    assert refused.returncode == 2
    assert "network ours, protocol flat: expected features in all files" in refused.stderr
