"""`alignhouse ingest models`: questions about networks and layers work before any extraction."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from alignhouse.ingest.models.catalog import catalog
from alignhouse.warehouse import Warehouse

EXPECTED = Path(__file__).parents[1] / "ingest/models/expected_layers.csv"


def expected_layers(network: str, protocol: str) -> list[str]:
    with EXPECTED.open(newline="", encoding="utf-8") as file:
        [row] = [row for row in csv.DictReader(file) if row["network"] == network]
    # An empty cell means that the published list equals that of the rule.
    return (row[protocol] or row["sound"]).split()


def test_networks_and_layers_of_the_catalog_are_listed(study: Any) -> None:
    done = study.alignhouse("ingest", "models", "AlexNet", "x3d_s", "-w", "mini.alignhouse")
    assert done.returncode == 0, done.stderr
    with Warehouse.open(study.warehouse) as opened:
        for network in ("AlexNet", "x3d_s"):
            for protocol in ("sound", "paper"):
                layers = opened.sql(
                    "select layer, layer_index, depth, width from layer where model = $m and protocol = $p "
                    "order by layer_index",
                    {"m": network, "p": protocol},
                ).fetchall()
                assert [row[0] for row in layers] == expected_layers(network, protocol)
                assert [row[1] for row in layers] == list(range(len(layers)))
                assert [row[2] for row in layers] == [i / (len(layers) - 1) for i in range(len(layers))]
                assert all(row[3] > 0 for row in layers)
        [(parameters, weights)] = opened.sql(
            "select parameters, weights from model where model = 'AlexNet'"
        ).fetchall()
        assert (parameters, weights) == (catalog()["AlexNet"].parameters_counted, "pretrained")
        last = "select width from layer where model = 'AlexNet' and layer = 'classifier.6'"
        assert opened.sql(last).fetchall()[0] == (1000,)
    again = study.alignhouse("ingest", "models", "AlexNet", "x3d_s", "-w", "mini.alignhouse")
    assert "Nothing to do" in again.stdout


def test_the_catalog_alone_needs_no_building(study: Any) -> None:
    done = study.alignhouse("ingest", "models", "all", "--no-layers", "-w", "mini.alignhouse")
    assert done.returncode == 0, done.stderr
    with Warehouse.open(study.warehouse) as opened:
        assert opened.ask("networks").pl().height == 99
    refused = study.alignhouse("ingest", "models", "--protocols", "sund", "-w", "mini.alignhouse")
    assert refused.returncode == 2
    assert "no protocol called 'sund' ships (did you mean sound?)" in refused.stderr
