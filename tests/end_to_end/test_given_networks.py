"""A study of features from another program, with facts and depths of its networks from tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.spatial.distance import pdist

from alignhouse.warehouse import Warehouse
from alignhouse.warehouse.vectors import read_vectors

STIMULI = [f"{1001 + i}" for i in range(12)]


def rows(study: Any, query: str) -> pl.DataFrame:
    with Warehouse.open(study.warehouse) as opened:
        return opened.sql(query).pl()


@pytest.fixture
def study(full_study: Any) -> Any:
    return full_study


@pytest.fixture
def given(study: Any) -> Any:
    """Features of two networks as thingsvision writes them; their rows are not in the study's order."""
    rng = np.random.default_rng(0)
    for network in ("AlexNet", "ours"):
        for layer in ("early", "late"):
            folder = study.folder / "things" / network / layer
            folder.mkdir(parents=True)
            np.save(folder / "features.npy", rng.normal(size=(12, 20)))
            lines = [f"images/{name}.png" for name in STIMULI[::-1]]
            (folder / "file_names.txt").write_text("\n".join(lines), encoding="utf-8")
        table = study.folder / "things" / network / "layers.csv"
        table.write_text("layer,depth\nearly,0.2\nlate,0.9\n", encoding="utf-8")
    (study.folder / "facts.csv").write_text(
        "network,arch_type,family,top1\nours,Transformers,ViT,80.5\nother,CNNs,VGG,\n", encoding="utf-8"
    )
    study.change('rdms = "models"', 'features = "things"\nfacts = "facts.csv"')
    study.change('["sound", "paper"]', '["sound"]')
    study.change("permutations = 50", "permutations = 20\nbootstraps = 0\nhalvings = 0")
    return study


def test_features_from_elsewhere_are_scored_with_their_facts(given: Any) -> None:
    done = given.run()
    assert done.returncode == 0, done.stderr
    assert "Facts of networks that the study does not have, in facts.csv: other" in done.stderr
    [file] = (given.warehouse / "rdms" / "kind=model" / "model=ours").glob("*.parquet")
    names, rdms = read_vectors(file, "rdm")
    for layer, rdm in zip(names["layer"], rdms, strict=True):
        features = np.load(given.folder / "things" / "ours" / layer / "features.npy")[::-1]
        np.testing.assert_allclose(rdm, pdist(features, "correlation"), atol=1e-12)
    assert rows(given, "select arch_type, family, top1, weights from model where model = 'ours'").rows() == [
        ("Transformers", "ViT", 80.5, "precomputed")
    ]
    assert rows(given, "select family from model where model = 'AlexNet'").rows() == [("AlexNet",)]
    assert rows(
        given, "select layer, layer_index, depth from layer where model = 'ours' order by depth"
    ).rows() == [("early", 0, 0.2), ("late", 1, 0.9)]
    assert given.run().stdout.startswith("Nothing to do")


def test_what_was_matched_by_position_is_said(given: Any) -> None:
    for list_of_names in (given.folder / "things" / "ours").rglob("file_names.txt"):
        list_of_names.unlink()
    refused = given.run()
    assert refused.returncode == 2
    assert "layer early of network ours" in refused.stderr
    assert 'networks.conditions = "stimulus_order"' in refused.stderr
    assert not given.warehouse.exists() or rows(given, "select * from artifact").is_empty()
    given.change('features = "things"', 'features = "things"\nconditions = "stimulus_order"')
    done = given.run()
    assert "Stimuli matched by position, because files do not name them: ours" in done.stderr
    answer = given.alignhouse("ask", "provenance", "--model", "ours", "--roi", "V1", "--format", "csv").stdout
    lines = [line.replace(" ", "") for line in answer.splitlines() if ",precomputed_rdms," in line]
    made = [line for line in lines if line.split(",")[3] == "precomputed_rdms"]
    assert made
    assert all('""in_stimulus_order"":true' in line for line in made)
