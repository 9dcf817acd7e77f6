"""The list of a network's modules says what each returns, whether it is read, and why not."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from alignhouse.cli.commands import app
from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.catalog import catalog
from alignhouse.ingest.models.layers import layers_of
from alignhouse.study.layers import layers_of_network
from alignhouse.warehouse.errors import BadInput

STUDY = """
[brain]
kind = "rdms"
path = "brain"
dataset = "mine"
[stimuli]
path = "stimuli"
[networks]
include = []
[networks.own.odd]
source = "function"
id = "{module}:odd"
[networks.own.chosen]
source = "function"
id = "{module}:chosen"
layers = ["act", "idle", "query"]
"""
FUNCTIONS = """
import torch
from torch import nn

class Query(nn.Module):
    def forward(self, x):
        return torch.arange(5.0).repeat(len(x), 1)

class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = nn.Tanh()
        self.stem = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1))
        self.blocks = nn.ModuleList([nn.Sequential(nn.Conv2d(2, 2, 1), nn.Tanh())])
        self.drop = nn.Dropout()
        self.query, self.idle, self.head = Query(), nn.Identity(), nn.Linear(2, 3)

    def forward(self, x):
        x = self.drop(self.blocks[0](self.act(self.stem(x))))
        self.query(x)
        return self.act(self.head(x.mean(dim=(2, 3))))

def odd():
    return Odd(), pixels, "odd"

def chosen():
    return Odd(), pixels, "chosen"

def pixels(image):
    small = image.resize((4, 4)).tobytes()
    return torch.frombuffer(bytearray(small), dtype=torch.uint8).view(4, 4, 3).permute(2, 0, 1) / 255
"""
INSIDE = "inside blocks.0"
EXPECTED = {
    "act": ("2", "1x2x4x4, 1x3", "act@1, act@2", ""),
    "stem": ("1", "1x2x4x4", "", "its parts are read instead"),
    "stem.0": ("1", "1x2x4x4", "", ""),
    "stem.1": ("1", "1x2x4x4", "", ""),
    "blocks": ("0", "", "", "its parts are read instead"),
    "blocks.0": ("1", "1x2x4x4", "", ""),
    "blocks.0.0": ("1", "1x2x4x4", "", INSIDE),
    "blocks.0.1": ("1", "1x2x4x4", "", INSIDE),
    "drop": ("1", "1x2x4x4", "", "equal to blocks.0"),
    "query": ("1", "1x5", "", "the same for every stimulus"),
    "idle": ("0", "", "", "never called"),
    "head": ("1", "1x3", "", ""),
}


@pytest.fixture
def study(tmp_path: Path) -> Path:
    module = f"odd_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{module}.py").write_text(FUNCTIONS)
    file = tmp_path / "study.toml"
    file.write_text(STUDY.format(module=module))
    return file


def listed(*arguments: str) -> dict[str, dict[str, str]]:
    done = CliRunner().invoke(app, ["ingest", "layers", *arguments, "--format", "csv"])
    assert done.exit_code == 0, done.output
    return {row["module"]: row for row in csv.DictReader(io.StringIO(done.stdout))}


def test_the_modules_of_an_own_network(study: Path) -> None:
    rows = listed("odd", "--study", str(study))
    assert {name: tuple(list(row.values())[2:]) for name, row in rows.items()} == {
        name: (calls, shape, str(not why_not).lower(), layers, why_not)
        for name, (calls, shape, layers, why_not) in EXPECTED.items()
    }
    assert rows["stem.0"]["type"] == "Conv2d"


def test_layers_that_a_study_lists_and_that_cannot_be_read_say_why(study: Path) -> None:
    rows = listed("chosen", "--study", str(study))
    assert rows["act"]["layers"] == "act@1, act@2"
    assert rows["idle"]["why_not"] == "never called"
    assert rows["head"]["why_not"] == "not in the list of layers"
    assert rows["query"]["is_read"] == "true", "networks.skip_bad decides what becomes of it"


def test_the_modules_of_a_network_of_the_catalog() -> None:
    rows = listed("AlexNet", "--protocol", "paper")
    assert rows["features.12"]["shape"] == "1x256x6x6"
    assert rows["avgpool"]["why_not"] == "skipped by the catalog"
    network = catalog()["AlexNet"]
    expected = layers_of(build(network, weights="random"), network, "paper")
    assert [name for name, row in rows.items() if row["is_read"] == "true"] == expected


def test_an_unknown_network_names_near_ones_and_the_option(study: Path) -> None:
    run = CliRunner().invoke(app, ["ingest", "layers", "AlexNt"])
    assert "did you mean AlexNet" in str(run.exception)
    assert "--study" in str(run.exception)
    run = CliRunner().invoke(app, ["ingest", "layers", "odt", "--study", str(study)])
    assert "did you mean odd" in str(run.exception)


def test_listing_leaves_torchs_generator_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    listed("AlexNet")
    assert torch.equal(torch.get_rng_state(), before)


def test_networks_of_the_second_catalog_are_known_too() -> None:
    rows = {row.module: row for row in layers_of_network("PE-Core-T16", None, None)}
    assert (rows["rope"].is_read, rows["rope"].why_not) == (False, "never called")
    assert rows["blocks.0"].is_read
    with pytest.raises(BadInput, match=r"PE-Core-T17.*PE-Core-T16.*--study names the file"):
        layers_of_network("PE-Core-T17", None, None)
