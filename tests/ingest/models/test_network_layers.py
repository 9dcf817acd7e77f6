"""The selection of layers: the automatic rule, explicit lists, and the layers of the catalog's networks."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from torch import nn

from alignhouse.ingest.models.build import build
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.layers import layers_of
from alignhouse.warehouse.errors import BadInput

FAST = (
    "AlexNet",
    "efficientnet_b3",
    "ResNet34",
    "cait_xxs24_224",
    "x3d_s",
    "c2d_r50_pool8_mma",
    "uniformer_S",
    "slowfast_r50_mma",
)


def expected_layers() -> dict[str, dict[str, list[str]]]:
    with Path(__file__).with_name("expected_layers.csv").open(newline="") as file:
        return {
            row["network"]: {"sound": row["sound"].split(), "paper": (row["paper"] or row["sound"]).split()}
            for row in csv.DictReader(file)
        }


def check_network(name: str) -> None:
    network = catalog()[name]
    module = build(network, weights="random")
    expected = expected_layers()[name]
    assert layers_of(module, network, "sound") == expected["sound"]
    assert layers_of(module, network, "paper") == expected["paper"]


def named(skips: tuple[str, ...] = (), layers: tuple[str, ...] = ()) -> Network:
    return catalog()["AlexNet"].model_copy(update={"skips": skips, "layers": layers})


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.norm = nn.Identity()


class Small(nn.Module):
    """Numbered blocks, a head, and two branches; the name of one branch is a prefix of the other's."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Block()
        self.blocks = nn.Sequential(Block(), Block())
        self.branch3x3 = Block()
        self.branch3x3dbl = Block()
        self.layer1 = nn.Sequential(Block())
        self.head = nn.Linear(3, 2)


def test_parents_give_way_to_children_but_what_lies_below_a_numbered_block_is_left_out() -> None:
    assert layers_of(Small(), named()) == [
        "stem.conv",
        "stem.norm",
        "blocks.0",
        "blocks.1",
        "branch3x3",
        "branch3x3dbl.conv",
        "branch3x3dbl.norm",
        "layer1",
        "head",
    ]


def test_skips_are_written_with_underscores() -> None:
    layers = layers_of(Small(), named(skips=("stem_norm", "branch3x3dbl_norm", "blocks_1")))
    assert layers == ["stem.conv", "blocks.0", "branch3x3", "branch3x3dbl.conv", "layer1", "head"]


def test_an_explicit_list_comes_first() -> None:
    assert layers_of(Small(), named(layers=("blocks.1.conv", "head"))) == ["blocks.1.conv", "head"]


def test_an_explicit_layer_that_is_not_there_names_network_and_layer() -> None:
    with pytest.raises(BadInput, match=r"layer 'heat' of network AlexNet.*did you mean head"):
        layers_of(Small(), named(layers=("heat",)))


def test_a_skip_pattern_that_matches_no_layer_is_an_error() -> None:
    with pytest.raises(BadInput, match=r"skipped layer 'stem_bn'"):
        layers_of(Small(), named(skips=("stem_bn",)))


@pytest.mark.parametrize("name", FAST)
def test_layers_of_common_networks(name: str) -> None:
    check_network(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in expected_layers() if name not in FAST])
def test_layers_of_every_other_network(name: str) -> None:
    check_network(name)


@pytest.mark.slow
def test_uniformer_v2s_sigmoid_is_not_tapped_because_it_ignores_the_input() -> None:
    network = catalog()["uniformer_v2_B_16_CLIP_k400"]
    module = build(network, weights="random")
    outputs: list[torch.Tensor] = []
    gate = module.get_submodule("backbone.transformer.sigmoid")
    gate.register_forward_hook(lambda module, arguments, output: outputs.append(output.clone()))
    for seed in (0, 1):
        clip = torch.randn(1, 1, 3, 8, 224, 224, generator=torch.Generator().manual_seed(seed))
        with torch.inference_mode():
            module(clip, mode="tensor", stage="head")
    assert torch.equal(outputs[0], outputs[1])
    assert "backbone.transformer.sigmoid" in network.not_tapped
