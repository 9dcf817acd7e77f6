"""Errors about a network name the network, what failed, and the key of the study file to change."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from alignhouse.ingest.features.extract import extract_rdms
from alignhouse.ingest.features.naming import naming_network
from alignhouse.ingest.features.pooling import key_of_pooling
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.network import Own
from alignhouse.ingest.models.own import modern_facts
from alignhouse.warehouse.errors import AlignhouseError, BadInput

VIDEOS = [np.random.default_rng(n).integers(0, 256, (1, 4, 4, 3), dtype=np.uint8) for n in range(4)]


class Counting(nn.Module):
    """Does something else from its fourth call on: after the dry pass and the first measurement."""

    def __init__(self, later: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.layer, self.last = nn.Flatten(), nn.Linear(48, 5)
        self.calls, self.later = 0, later

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        x = self.layer(x)
        if self.calls > 3:
            x = self.later(x)
        return self.last(x)


def own(**changes: Any) -> Network:
    empty = {"name": "mine", "skips": (), "not_tapped": (), "layers": ("last",)}
    given = Own(origin="random", folder=Path())
    return catalog()["AlexNet"].model_copy(update={**empty, "own": given, **changes})


def as_tensor(image: Any) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image).astype(np.float32) / 255).permute(2, 0, 1)


def failing(
    tmp_path: Path, module: nn.Module, network: Network, transform: Any = as_tensor, **how: Any
) -> str:
    videos = [lambda video=video: video for video in VIDEOS]  # type: ignore[misc]
    with pytest.raises(AlignhouseError) as raised:
        extract_rdms(
            network, module, videos, ExtractionSettings(), scratch=tmp_path, transform=transform, **how
        )
    return str(raised.value)


OF_DECLARATION = r"\(correct \[networks.own.mine\] or its code, or exclude the network\)"
OF_LAYERS = r"change layers of \[networks.own.mine\]\)"


def refuse(x: Any) -> Any:
    raise ValueError("no such colour")


@pytest.mark.parametrize("layers", [("last",), ()], ids=["listed", "tried"])
def test_a_forward_pass_or_transform_that_fails(tmp_path: Path, layers: tuple[str, ...]) -> None:
    module, network = Counting(refuse), own(layers=layers)
    said = failing(tmp_path, module, network)
    assert re.fullmatch(
        rf"forward pass of network mine: found ValueError: no such colour {OF_DECLARATION}", said
    )
    said = failing(tmp_path, module, network, refuse)
    assert re.fullmatch(
        rf"transform of network mine: found ValueError: no such colour {OF_DECLARATION}", said
    )
    too_wide = failing(
        tmp_path, nn.Sequential(nn.Flatten(), nn.Linear(7, 7)), network.model_copy(update={"layers": ()})
    )
    assert re.match(r"forward pass of network mine: found RuntimeError: mat1 and mat2 shapes", too_wide)


def test_a_network_of_the_catalog_that_fails_can_be_excluded(tmp_path: Path) -> None:
    said = failing(tmp_path, Counting(refuse), own(name="AlexNet", own=None))
    assert said.endswith("no such colour (exclude it: networks.exclude = ['AlexNet'])")


@pytest.mark.parametrize(
    ("later", "fault"),
    [
        (lambda x: x * float("nan"), "expected finite values, found 5 of 5 that are not"),
        (lambda x: x * 0, "layer last of network mine: expected features that differ between stimuli"),
    ],
    ids=["NaN", "the same for all stimuli"],
)
def test_features_that_have_no_rdm(tmp_path: Path, later: Any, fault: str) -> None:
    said = failing(tmp_path, Counting(later), own())
    assert fault in said
    assert re.search(rf"layer last.* of network mine: .*{OF_LAYERS}$", said)


def test_one_value_in_all_features(tmp_path: Path) -> None:
    module = Counting(lambda x: x * 0)
    nn.init.ones_(module.last.bias)
    said = failing(tmp_path, module, own())
    keys = r"set networks.skip_bad = true, or change layers of \[networks.own.mine\]"
    assert re.match(rf"features of layer last for stimulus 1 of network mine: .* in all 5 .*{keys}\)$", said)


def test_a_layer_that_is_called_once_more(tmp_path: Path) -> None:
    module = Counting(lambda x: x)
    module.later = lambda x: module.last(x).repeat(1, 10)[:, :48]
    said = failing(tmp_path, module, own())
    assert re.match(rf"layer 'last' is called more than once .* of network mine \({OF_LAYERS}$", said)


def test_too_little_room(tmp_path: Path) -> None:
    said = failing(tmp_path, Counting(lambda x: x), own(), scratch_bytes=1.0)
    assert re.match(r"features of layer last of network mine, 4 stimuli: .*\(raise compute.scratch\)$", said)


def test_faults_of_the_machine_stay_what_they_are() -> None:
    for fault in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory"), OSError(28, "No space left")):
        with pytest.raises(type(fault)), naming_network(own(), "forward pass"):
            raise fault
    with pytest.raises(ZeroDivisionError), naming_network(own()):
        raise ZeroDivisionError
    with pytest.raises(BadInput, match=r"^a fault of network mine$"), naming_network(own()):
        raise BadInput("a fault")


def test_a_network_of_the_second_catalog_has_no_table_in_the_study() -> None:
    network = modern_facts("DINOv3-ViT-S16")
    with pytest.raises(BadInput) as raised, naming_network(network, "forward pass"):
        raise ValueError("no such colour")
    assert raised.value.hint == "exclude it: networks.exclude = ['DINOv3-ViT-S16']"
    with pytest.raises(BadInput) as raised, naming_network(network):
        raise BadInput("layer blocks.0", hint="leave it out")
    assert raised.value.hint == (
        "leave it out, or change layers of a network of your own: [networks.own.NAME] with "
        'source = "timm" and id = "vit_small_patch16_dinov3.lvd1689m"'
    )
    assert key_of_pooling(network) == "[networks]"
