"""Precomputed layers whose order is not known have no depth, and nothing fails for that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from mini_study import ONE_PROTOCOL
from one_format import one_format

from alignhouse import Warehouse
from alignhouse.analysis.report import pictures
from alignhouse.ingest.features.layer_order import LayerOrder
from alignhouse.study import inputs

LAYERS = ("avgpool", "conv1", "fc")
GROUPS = ("model", "arch")
DEPTHS = (
    "select layer, layer_index, depth from layer where model = 'my_own' and protocol = 'sound' order by 2"
)


@pytest.fixture
def study(full_study: Any) -> Any:
    return full_study


@pytest.fixture
def unordered(study: Any) -> Any:
    """The miniature study with a network whose layers have names without an order."""
    random = np.random.default_rng(5)
    np.savez(study.folder / "models/my_own/rdms.npz", **{name: random.random(66) for name in LAYERS})
    study.change('rdms = "models"', 'rdms = "models"\nconditions = "stimulus_order"')
    study.change("permutations = 50", "permutations = 20\nbootstraps = 20\nhalvings = 2")
    study.change(*ONE_PROTOCOL)
    return study


@pytest.fixture
def figures_of_layers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Draw only the figures that show layers, in a single format."""
    plan = pictures.planned_figures

    def planned(*asked: Any, **first: Any) -> list[pictures.Planned]:
        return [each for each in plan(*asked, **first) if "depth" in each.name or "rdm map" in each.name]

    monkeypatch.setattr(pictures, "planned_figures", planned)
    with one_format():
        yield


@pytest.mark.usefixtures("figures_of_layers")
def test_layers_without_an_order_have_no_depth_and_curves_say_so(unordered: Any) -> None:
    done = unordered.alignhouse("run", "study.toml")
    assert done.returncode == 0, done.stderr
    assert "Order of layers by the numbers in their names: 2 networks" in done.stderr
    assert "Order of layers not known: my_own." in done.stderr
    with Warehouse.open(unordered.warehouse) as opened:
        assert opened.sql(DEPTHS).fetchall() == [(name, i, None) for i, name in enumerate(LAYERS)]
        assert opened.sql("select distinct model from depth_profile order by 1").fetchall() == [
            ("AlexNet",),
            ("vit_base_patch16_224",),
        ]
        [(score,)] = opened.sql("select count(*) from layer_score where model = 'my_own'").fetchall()
    assert score == 2 * len(LAYERS)
    assert unordered.alignhouse("check", "-w", "mini.alignhouse").returncode == 0
    page = (unordered.folder / "report/index.html").read_text(encoding="utf-8")
    assert "The order of the layers of my_own is not known, so curves over depth leave it out" in page
    asked = unordered.alignhouse("ask", "depth_of_best_layer", "-w", "mini.alignhouse", "--format", "csv")
    assert asked.returncode == 0, asked.stderr
    header, _first = (line.split(",") for line in asked.stdout.splitlines()[:2])
    assert "n_without_depth" in header
    drawn = {
        path.stem: path.read_text(encoding="utf-8") for path in unordered.folder.glob("report/figures/*")
    }
    shared = {f"sound-mini-test-depth-by-{group}-type" for group in GROUPS}
    assert set(drawn) == shared | {"sound-mini-test-depth-networks", "sound-mini-test-rdm-map"}
    assert all("not known: 1 network" in drawn[name] for name in shared)


def test_a_guessed_depth_is_renewed_and_nothing_else(unordered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setattr(inputs, "order_of_layers", lambda name, layers, folder: LayerOrder(tuple(layers), ""))
        assert unordered.run().returncode == 0
    made = "select artifact, method from artifact order by all"
    with Warehouse.open(unordered.warehouse) as opened:
        assert [depth for _, _, depth in opened.sql(DEPTHS).fetchall()] == [0, 0.5, 1]
        guessed = set(opened.sql(made).fetchall())
    assert unordered.run().returncode == 0
    with Warehouse.open(unordered.warehouse) as opened:
        assert [depth for _, _, depth in opened.sql(DEPTHS).fetchall()] == [None] * 3
        new = set(opened.sql(made).fetchall()) - guessed
        assert [method for _, method in new] == ["layers"]
    assert "Nothing to do" in unordered.run().stdout
    (unordered.folder / "models/my_own/layers.csv").write_text("layer\nconv1\navgpool\nfc\n")
    assert unordered.run().returncode == 0
    with Warehouse.open(unordered.warehouse) as opened:
        assert opened.sql(DEPTHS).fetchall() == [("conv1", 0, 0.0), ("avgpool", 1, 0.5), ("fc", 2, 1.0)]
        assert opened.sql("select 1 from depth_profile where model = 'my_own'").fetchall()
