"""Counted parameters and multiply-adds, compared with formulas and with what libraries publish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from loaded_modules import import_anew
from tiny_transformers import SIDE, TINY, save
from tiny_transformers import own as of_transformers

from alignhouse.ingest.features import counts
from alignhouse.ingest.features.counts import count
from alignhouse.ingest.features.description_jobs import describe_model, model_batch
from alignhouse.ingest.models.network import Network
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.ingest.models.sources.compat_torchvision import load_torchvision

FUNCTIONS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, reads_values):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, padding=1, bias=False)
        self.linear = nn.Linear(5, 7)
        self.reads_values = reads_values

    def forward(self, x):
        x = self.conv(x).mean(dim=(2, 3))
        if self.reads_values and x.sum().item() > 1e9:
            x = 2 * x
        return self.linear(x)

def give(reads_values=False):
    return Net(reads_values), lambda image: torch.zeros(3, 10, 12)
"""
PARAMETERS = 5 * 3 * 9 + 5 * 7 + 7
GFLOPS = (10 * 12 * 5 * 3 * 9 + 5 * 7) / 1e9


def function(folder: Path, **more: Any) -> Network:
    (folder / "counted_functions.py").write_text(FUNCTIONS)
    declared = {"source": "function", "id": "counted_functions:give", "folder": folder, **more}
    return network_of("mine", OwnNetwork.model_validate(declared))


@pytest.fixture(autouse=True)
def forgets_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    from alignhouse.ingest.models.sources import function as functions

    monkeypatch.setattr(functions, "_imported", {})
    import_anew(monkeypatch, "counted_functions")


class Said:
    """A reporter that keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def doing(self, what: str) -> None:
        return

    def say(self, line: str) -> None:
        self.lines.append(line)


def row_of(network: Network, said: Said) -> dict[str, Any]:
    batch = model_batch("mine", network, "pretrained", "")
    [output] = describe_model(batch.jobs[0], said, batch.shared.get("network"))  # type: ignore[arg-type]
    [row] = output.data.to_pylist()  # type: ignore[union-attr]
    return dict(row)


@pytest.mark.parametrize("reads_values", [False, True])
def test_convolutions_and_products_are_counted_also_if_the_network_reads_values(
    reads_values: bool, tmp_path: Path
) -> None:
    found = count(function(tmp_path, arguments={"reads_values": reads_values}))
    assert (found.parameters, found.gflops) == (PARAMETERS, pytest.approx(GFLOPS, rel=1e-12))


def test_torchvisions_published_figures_are_found() -> None:
    load_torchvision()
    from torchvision.models import SqueezeNet1_1_Weights

    published = SqueezeNet1_1_Weights.DEFAULT.meta
    declared = OwnNetwork(source="torchvision", id="squeezenet1_1", weights="random")
    found = count(network_of("mine", declared))
    assert found.parameters == published["num_params"]
    assert found.gflops == pytest.approx(published["_ops"], abs=0.001)


def test_attention_is_counted(tmp_path: Path) -> None:
    found = count(of_transformers(save(tmp_path, "vit"), weights="random"))
    patches, width, inner = (SIDE // 8) ** 2, TINY["hidden_size"], TINY["intermediate_size"]
    tokens = patches + 1
    block = 4 * tokens * width**2 + 2 * tokens**2 * width + 2 * tokens * width * inner
    total = patches * width * 3 * 8**2 + 2 * block + width**2
    assert found.gflops == pytest.approx(total / 1e9, rel=1e-12)


def test_what_the_study_declares_is_not_counted(tmp_path: Path) -> None:
    said = Said()
    counted = row_of(function(tmp_path), said)
    assert (counted["parameters"], counted["gflops"]) == (PARAMETERS, pytest.approx(GFLOPS))
    declared = row_of(function(tmp_path, parameters=5), said)
    assert (declared["parameters"], declared["gflops"]) == (5, pytest.approx(GFLOPS))
    both = model_batch("mine", function(tmp_path, parameters=5, gflops=2.5), "pretrained", "")
    assert "counted" not in both.jobs[0].settings, "its key is that of earlier versions"
    assert "counted" not in counted
    assert said.lines == []


def test_a_network_that_cannot_be_counted_is_reported_and_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(network: Network) -> None:
        raise ValueError("no such operator")

    monkeypatch.setattr(counts, "count", fails)
    said = Said()
    row = row_of(function(tmp_path), said)
    assert (row["parameters"], row["gflops"]) == (None, None)
    assert said.lines == ["mine: parameters and gflops could not be counted: ValueError: no such operator"]
