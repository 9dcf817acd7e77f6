"""The order of precomputed layers is listed, known, or numbered; names alone give none."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from alignhouse.ingest.features.layer_order import LAYERS_FILE, order_of_layers
from alignhouse.ingest.models.catalog import catalog, layer_order
from alignhouse.warehouse.errors import BadInput

EXPECTED = Path(__file__).parents[2] / "networks" / "expected_widths.csv"


def test_the_catalog_orders_the_layers_of_its_networks(tmp_path: Path) -> None:
    layers = ["avgpool", "classifier.6", "features.0", "features.10", "features.2"]
    order = order_of_layers("AlexNet", layers, tmp_path)
    assert order.layers == ("features.0", "features.2", "features.10", "avgpool", "classifier.6")
    assert order.said == "from the catalog"
    underscored = [name.replace(".", "_") for name in layers]
    assert order_of_layers("AlexNet", underscored, tmp_path).layers == tuple(
        name.replace(".", "_") for name in order.layers
    )
    assert order_of_layers("my_own", layers, tmp_path).layers is None


def test_a_layer_that_the_catalog_does_not_know_is_not_given_a_place(tmp_path: Path) -> None:
    assert order_of_layers("AlexNet", ["features.0", "extra", "avgpool"], tmp_path).layers is None


def test_every_network_of_the_study_has_its_layers_in_the_order_of_extraction() -> None:
    read: dict[tuple[str, str], list[str]] = {}
    with EXPECTED.open(newline="") as file:
        for row in csv.DictReader(file):
            read.setdefault((row["network"], row["protocol"]), []).append(row["layer"])
    for name, network in catalog().items():
        order = layer_order(name)
        # One of the other four needs a package that cannot be installed beside today's mmaction2.
        assert order or not network.in_study_99
        if order:
            assert {*network.layers, *network.layers_paper, *read.get((name, "paper"), [])} <= set(order)
            # The published list of a Swin network has an order of its own.
            places = [order.index(layer) for layer in read.get((name, "sound"), [])]
            assert places == sorted(places)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["layer10", "layer2", "layer1"], ("layer1", "layer2", "layer10")),
        (["2_late", "10_last", "1_early"], ("1_early", "2_late", "10_last")),
        (
            ["block1.conv10", "block1.conv9", "block0.conv11"],
            ("block0.conv11", "block1.conv9", "block1.conv10"),
        ),
        (["only"], ("only",)),
        (["avgpool", "conv1", "fc"], None),
        (["conv1", "fc2"], None),
        (["1_early", "1_late"], None),
        (["layer1", "layer01"], None),
        (["early", "late"], None),
    ],
)
def test_numbers_order_layers_only_if_nothing_else_differs(
    tmp_path: Path, layers: list[str], expected: tuple[str, ...] | None
) -> None:
    assert order_of_layers("net", layers, tmp_path).layers == expected


def test_the_list_in_the_folder_comes_before_everything_else(tmp_path: Path) -> None:
    (tmp_path / LAYERS_FILE).write_text("layer,note\nfeatures.2,first\nfeatures.0,last\n")
    assert order_of_layers("AlexNet", ["features.0", "features.2"], tmp_path).layers == (
        "features.2",
        "features.0",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("layer\na\n", "found b not listed"),
        ("layer\na\nb\nc\n", "found c of no RDM"),
        ("layer\na\nb\na\n", "found a more than once"),
        ("name\na\nb\n", "expected a column layer"),
        ("", "expected a column layer"),
        ("layer\n\xff".encode("latin-1"), "cannot be read"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    file = tmp_path / LAYERS_FILE
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=f"{LAYERS_FILE}.*{message}"):
        order_of_layers("net", ["a", "b"], tmp_path)
