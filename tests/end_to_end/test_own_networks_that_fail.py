"""If a user's own network cannot be built, one line says so and the warehouse stays unchanged."""

from __future__ import annotations

import hashlib
import shutil
from typing import Any

import pytest
import torch

from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.study.file import read_study
from alignhouse.study.run import run_study
from alignhouse.warehouse import BadInput, Warehouse

FUNCTIONS = """
import itertools
import torch
from torch import nn

calls = itertools.count()

def transform(image):
    return torch.frombuffer(bytearray(image.resize((4, 4)).tobytes()), dtype=torch.uint8).view(3, 16, 1) / 255

def good():
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 9), nn.ReLU(), nn.Linear(9, 5)), transform, "mine"

def restless():
    module = nn.Sequential(nn.Flatten(), nn.Linear(48, 9))
    module[1].bias.data.fill_(next(calls))
    return module, transform, "restless"
"""


@pytest.fixture
def declaring(study: Any, request: pytest.FixtureRequest) -> Any:
    """A study to which declarations can be added; each test has its own name for the module of functions."""
    shutil.rmtree(study.folder / "models")
    study.change('rdms = "models"', "include = []")
    module = "own_" + hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    (study.folder / f"{module}.py").write_text(FUNCTIONS)

    def declare(name: str, keys: str) -> None:
        text = study.file.read_text(encoding="utf-8")
        study.file.write_text(f"{text}[networks.own.{name}]\n{keys.replace('MODULE', module)}\n")

    study.declare = declare
    return study


def run(study: Any, until: str = "networks") -> Any:
    return run_study(read_study(study.file), command="test", until=until)


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("mine", 'source = "function"\nid = "MODULE:god"', "expected a function god .*did you mean good"),
        ("mine", 'source = "function"\nid = "nowhere:good"', "a module nowhere that can be imported"),
        ("other", 'source = "function"\nid = "MODULE:good"', "expected the name 'other' third"),
        ("AlexNet", 'source = "function"\nid = "MODULE:good"', "a network of a catalog has that name"),
        (
            "mine",
            'source = "timm"\nid = "resnet18"\nlayer = "x"',
            "unknown key 'networks.own.mine.layer'.*layers",
        ),
        ("mine", 'source = "timm"', "'networks.own.mine.id' is missing .builder of torchvision"),
        ("mine", 'source = "timm"\nid = "resnet18"\ncrop = 3', "networks.own.mine: expected crop only with"),
        ("mine", 'source = "timm"\nid = "resnet18"\nweights = "a.pth"', "expected a checkpoint file .*a.pth"),
        (
            "mine",
            'source = "mmaction2"\nid = "mine.py"\nweights = "random"\nfolder = "$NOWHERE"',
            "networks.own.mine.folder = '.NOWHERE'.*the variable .NOWHERE is not set",
        ),
    ],
)
def test_a_wrong_declaration_is_reported_before_anything_is_done(
    declaring: Any, name: str, keys: str, message: str
) -> None:
    declaring.declare(name, keys)
    with pytest.raises(BadInput, match=message):
        run(declaring)
    assert not declaring.warehouse.exists()


def test_a_checkpoint_of_another_hash_stops_a_run_before_anything_is_done(declaring: Any) -> None:
    network = network_of("mine", OwnNetwork(source="timm", id="test_resnet", weights="random"))
    torch.save(build(network, weights="random").state_dict(), declaring.folder / "mine.pth")
    declaring.declare(
        "mine", f'source = "timm"\nid = "test_resnet"\nweights = "mine.pth"\nsha256 = "{"0" * 64}"'
    )
    refused = declaring.run()
    assert refused.returncode == 2
    [line] = [line for line in refused.stderr.splitlines() if line.startswith("alignhouse:")]
    assert f"mine.pth: expected sha256 {'0' * 64}, found " in line
    assert not declaring.warehouse.exists()


def test_in_a_study_of_random_weights_a_function_must_say_so(declaring: Any) -> None:
    declaring.change("include = []", 'include = []\nweights = "random"')
    declaring.declare("mine", 'source = "function"\nid = "MODULE:good"')
    with pytest.raises(BadInput, match='network mine is what a function gives: expected weights = "random"'):
        run(declaring)
    declaring.change(":good", ':good"\nweights = "random')
    assert run(declaring).failed == {}


def test_one_that_fails_while_it_is_shown_stimuli_does_not_stop_the_others(declaring: Any) -> None:
    declaring.declare("mine", 'source = "function"\nid = "MODULE:good"')
    declaring.declare("restless", 'source = "function"\nid = "MODULE:restless"')
    declaring.declare(
        "headless", 'source = "timm"\nid = "test_resnet"\nweights = "random"\nlayers = ["layer1", "heads"]'
    )
    finished = run(declaring, until="rsa")
    assert list(finished.failed) == ["restless", "headless-random0"]
    assert (
        "layer 'heads' of network headless: expected the name of a module"
        in finished.failed["headless-random0"]
    )
    assert "a function returns other weights in each call" in finished.failed["restless"]
    with Warehouse.open(declaring.warehouse) as opened:
        scored = opened.sql("select distinct protocol, model from alignment order by all").fetchall()
    assert scored == [("paper", "mine"), ("sound", "mine")]


def test_a_function_with_a_changed_declaration_is_extracted_again(declaring: Any) -> None:
    declaring.declare("mine", 'source = "function"\nid = "MODULE:good"')
    run(declaring)
    declaring.change("include = []", "include = []\nseed = 1")
    assert run(declaring).jobs_done > 0, "other weights, for it draws them"
    assert run(declaring).jobs_done == 0
    declaring.change(':good"', ':good"\nlayers = ["1", "3"]')
    assert run(declaring).jobs_done > 0
    with Warehouse.open(declaring.warehouse) as opened:
        layers = opened.sql("select distinct layer from layer where model = 'mine' order by 1").fetchall()
    assert layers == [("1",), ("3",)]
