"""Pooling equals plain restatements, whichever way the channels lie, and does not guess where they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from features_plainly import sources
from scipy.spatial.distance import pdist
from torch import nn

from alignhouse.ingest.features.extract import extract_rdms
from alignhouse.ingest.features.jobs import Extraction, extraction_jobs
from alignhouse.ingest.features.pooling import finding_layouts
from alignhouse.ingest.features.recipe import NetworkRdms
from alignhouse.ingest.features.settings import ExtractionSettings
from alignhouse.ingest.models.catalog import Network, catalog
from alignhouse.ingest.models.network import Own
from alignhouse.ingest.models.own import OwnNetwork, network_of
from alignhouse.warehouse.errors import BadInput

SIDE, CHANNELS = 6, 5
VIDEOS = [np.random.default_rng(n).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8) for n in range(4)]
Plain = Callable[[np.ndarray], np.ndarray]


class Returns(nn.Module):
    def __init__(self, of: Callable[[Any], Any]) -> None:
        super().__init__()
        self.of = of

    def forward(self, x: Any) -> Any:
        return self.of(x)


class Layouts(nn.Module):
    """Outputs of every rank, channels first and last, with a class token and a register."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Conv2d(3, CHANNELS, 1)
        self.last = Returns(lambda x: x.permute(0, 2, 3, 1) * 2)
        self.norm = nn.LayerNorm(CHANNELS)
        self.patches = Returns(lambda x: x.flatten(2).transpose(1, 2) ** 2)
        self.first = Returns(lambda x: x.flatten(2) ** 3)
        self.block = nn.Linear(CHANNELS, CHANNELS)
        self.tokens = Returns(lambda x: x.tanh())
        self.heads = Returns(lambda x: x[:, None].repeat(1, 2, 1, 1).cumsum(1))
        self.head = nn.Linear(CHANNELS, 4)
        self.cls_token = nn.Parameter(torch.randn(1, 1, CHANNELS))
        self.reg_token = nn.Parameter(torch.randn(1, 1, CHANNELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.map(x)
        self.last(x), self.norm(x.permute(0, 2, 3, 1)), self.first(x)
        x = self.patches(x)
        special = [each.expand(len(x), -1, -1) for each in (self.cls_token, self.reg_token)]
        x = torch.cat([*special, x], dim=1)
        x = self.tokens(self.block(x + x.mean(dim=1, keepdim=True)))
        self.heads(x)
        return self.head(x.mean(dim=1))


def own(**changes: Any) -> Network:
    given = Own(origin="random", folder=Path(), **changes)
    empty = {"name": "mine", "skips": (), "not_tapped": (), "layers": (), "own": given}
    return catalog()["AlexNet"].model_copy(update=empty)


def as_tensor(image: Any) -> torch.Tensor:
    return torch.from_numpy(np.asarray(image).astype(np.float32) / 255 - 0.4).permute(2, 0, 1)


def built(kind: type[nn.Module] = Layouts) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind().eval().requires_grad_(False)


def extracted(
    module: nn.Module, network: Network, folder: Path, said: list[str] | None = None, **settings: Any
) -> NetworkRdms:
    given: Any = {"scratch": folder, "say": None if said is None else said.append}
    given["transform"] = as_clips if network.takes == "video" else as_tensor
    return extract_rdms(network, module, sources(VIDEOS), ExtractionSettings(**settings), **given)


def plainly(module: nn.Module, layer: str, pool: Plain, shown: Callable[[Any], Any]) -> np.ndarray:
    """The RDM of a layer whose output for one input, a (...) array without the batch, is pooled by `pool`."""
    kept: list[np.ndarray] = []
    hook = module.get_submodule(layer).register_forward_hook(
        lambda inner, arguments, output: kept.append(pool(output[0].double().numpy()))
    )
    rows = []
    for video in VIDEOS:
        for each in shown(video):
            module(each[None])
        rows.append(np.mean(kept, axis=0))
        kept.clear()
    hook.remove()
    return pdist(np.stack(rows).reshape(len(rows), -1), "correlation")


def frames(video: np.ndarray) -> list[torch.Tensor]:
    return [as_tensor(frame) for frame in video]


SPACE: dict[str, dict[str, Plain]] = {
    "map": {"mean": lambda x: x.mean((1, 2)), "max": lambda x: x.max((1, 2))},
    "last": {"mean": lambda x: x.mean((0, 1)), "max": lambda x: x.max((0, 1))},
    "norm": {"mean": lambda x: x.mean((0, 1)), "max": lambda x: x.max((0, 1))},
    "patches": {"mean": lambda x: x.mean(0), "max": lambda x: x.max(0)},
    "first": {"mean": lambda x: x.mean(1), "max": lambda x: x.max(1)},
    "block": {"mean": lambda x: x.mean(0), "max": lambda x: x.max(0), "cls": lambda x: x[0]},
    "tokens": {"mean": lambda x: x.mean(0), "max": lambda x: x.max(0), "cls": lambda x: x[0]},
    "head": {"mean": lambda x: x, "max": lambda x: x, "cls": lambda x: x},
}


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
@pytest.mark.parametrize("tap", ["output", "memory"])
def test_space_and_tokens_are_pooled_frame_by_frame(
    tmp_path: Path, pooling: Literal["mean", "max", "cls"], tap: str
) -> None:
    module, said = built(), list[str]()
    found = extracted(module, own(), tmp_path, said, pooling=pooling, tap=tap)
    expected = {name: pools[pooling] for name, pools in SPACE.items() if pooling in pools}
    rdms = {layer.name: layer.rdm for layer in found.layers}
    assert rdms.keys() == expected.keys()
    for layer, pool in expected.items():
        np.testing.assert_allclose(
            rdms[layer], plainly(module, layer, pool, frames), atol=1e-5, err_msg=layer
        )
    assert found.notes["dropped_layers"]["heads"].endswith("of 1x2x38x5")
    if pooling == "cls":
        assert found.notes["dropped_layers"]["map"] == found.notes["dropped_layers"]["patches"]
        assert "no class token: map" in said[0]


def as_clips(video: np.ndarray) -> torch.Tensor:
    return torch.stack([as_tensor(frame) for frame in video], dim=1)[None]


class Video(nn.Module):
    """Maps and tokens of clips, with channels first and last."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Conv3d(3, CHANNELS, (2, 1, 1), stride=(2, 1, 1))
        self.last = Returns(lambda x: x.permute(0, 2, 3, 4, 1) ** 2)
        self.tokens = nn.Linear(CHANNELS, CHANNELS)
        self.head = nn.Linear(CHANNELS, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.map(x)
        self.last(x)
        return self.head(self.tokens(x.flatten(2).transpose(1, 2)).max(dim=1).values)


N = SIDE * SIDE
TIME: dict[tuple[str, str], dict[str, Plain]] = {
    ("none", "mean"): {
        "map": lambda x: x.mean(1),
        "last": lambda x: x.mean(0),
        "tokens": lambda x: (x[:N] + x[N:]) / 2,
    },
    ("mean", "none"): {
        "map": lambda x: x.mean((2, 3)),
        "last": lambda x: x.mean((1, 2)),
        "tokens": lambda x: x.mean(0),
    },
    ("max", "mean"): {
        "map": lambda x: x.mean(1).max((1, 2)),
        "last": lambda x: x.mean(0).max((0, 1)),
        "tokens": lambda x: ((x[:N] + x[N:]) / 2).max(0),
    },
}


class VideoWithClassToken(Video):
    """A class token and a register come before the tokens of a clip."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, CHANNELS))
        self.reg_token = nn.Parameter(torch.randn(1, 1, CHANNELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.map(x).flatten(2).transpose(1, 2)
        special = [each.expand(len(x), -1, -1) for each in (self.cls_token, self.reg_token)]
        x = torch.cat([*special, x], dim=1)
        return self.head(self.tokens(x * x.mean(dim=1, keepdim=True)).max(dim=1).values)


@pytest.mark.parametrize(
    ("pooling", "pool"),
    [
        ("none", lambda x: np.concatenate([x[:2], (x[2 : N + 2] + x[N + 2 :]) / 2])),
        ("mean", lambda x: np.concatenate([x[:2], (x[2 : N + 2] + x[N + 2 :]) / 2]).mean(0)),
        ("cls", lambda x: x[0]),
    ],
)
def test_tokens_before_those_of_a_clip_have_no_time(tmp_path: Path, pooling: str, pool: Plain) -> None:
    module = built(VideoWithClassToken)
    found = extracted(module, own(takes="video"), tmp_path, pooling=pooling, time="mean")
    rdms = {layer.name: layer.rdm for layer in found.layers}
    np.testing.assert_allclose(rdms["tokens"], plainly(module, "tokens", pool, as_clips), atol=1e-5)
    assert ("map" in rdms) == (pooling != "cls"), "the class token joins later"


@pytest.mark.parametrize(("pooling", "time"), TIME)
def test_time_is_averaged_before_space_is_pooled(tmp_path: Path, pooling: str, time: str) -> None:
    module, network = built(Video), own(takes="video")
    found = extracted(module, network, tmp_path, pooling=pooling, time=time)
    rdms = {layer.name: layer.rdm for layer in found.layers}
    expected = TIME[pooling, time] | {"head": lambda x: x}
    assert rdms.keys() == expected.keys()
    for layer, pool in expected.items():
        plain = plainly(module, layer, pool, as_clips)
        # The order of the features, which a distance does not depend on, may differ.
        np.testing.assert_allclose(rdms[layer], plain, atol=1e-5, err_msg=layer)


def test_images_have_no_time(tmp_path: Path) -> None:
    plain = extracted(built(), own(), tmp_path)
    timed = extracted(built(), own(), tmp_path, time="mean")
    assert [layer.name for layer in timed.layers] == [layer.name for layer in plain.layers]
    for one, other in zip(plain.layers, timed.layers, strict=True):
        np.testing.assert_array_equal(one.rdm, other.rdm)


def test_the_class_token_of_a_network_without_one_is_an_error_that_names_the_key(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Flatten(), nn.Linear(4 * SIDE**2, 3))
    where = r"choose another pooling in \[networks.own.mine\]"
    with pytest.raises(BadInput, match=rf"of network mine: expected a class token.*found none \({where}\)"):
        extracted(module, own(), tmp_path, pooling="cls")


@pytest.mark.parametrize(
    ("listed", "pooling", "reason"),
    [("heads", "mean", "several places of 1x2x38x5"), ("map", "cls", "no class token")],
)
def test_a_listed_layer_that_cannot_be_pooled_is_an_error_that_names_both_keys(
    tmp_path: Path, listed: str, pooling: str, reason: str
) -> None:
    network = own().model_copy(update={"layers": ("head", listed)})
    keys = r'layers of \[networks.own.mine\], or set pooling = "none" in \[networks.own.mine\]'
    with pytest.raises(BadInput, match=rf"layer {listed} of network mine: .*{reason}.*{keys}"):
        extracted(built(), network, tmp_path, pooling=pooling)


def test_maps_that_could_lie_either_way_have_no_known_channels() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1))
    with finding_layouts(module) as layouts:
        module(torch.zeros(1, 3, 4, 4))
    assert layouts.axis((1, 4, 4, 4)) == 1, "a convolution says so"
    assert layouts.axis((1, 7, 9, 9)) == 1, "the map of a square input is square"
    assert layouts.axis((1, 9, 9, 7)) == 3
    assert layouts.axis((1, 9, 9, 9)) is None
    assert layouts.axis((1, 4, 9, 8)) is None
    assert layouts.axis((1, 12, 4)) == 2, "as many as a convolution returns"
    assert layouts.axis((1, 12, 3)) is layouts.axis((1, 4, 4)) is None


def jobs_of(network: Network, settings: ExtractionSettings) -> list[tuple[int, str]]:
    common: Any = {"root": Path(), "stimuli": (), "sha256": {}, "device": "cpu", "memory": 1, "scratch": 1}
    extraction = Extraction(weights="random", seed=0, **common)
    return [
        (job.version, job.key) for job in extraction_jobs(extraction, network, [settings], skip_bad=False)
    ]


def test_pooling_is_in_the_job_key_and_a_network_overrides_its_study() -> None:
    declared = {"source": "torchvision", "id": "alexnet"}
    plain = network_of("mine", OwnNetwork.model_validate(declared))
    pooled = network_of("mine", OwnNetwork.model_validate({**declared, "pooling": "mean"}))
    unpooled = network_of("mine", OwnNetwork.model_validate({**declared, "pooling": "none"}))
    none, mean = ExtractionSettings(), ExtractionSettings(pooling="mean")
    assert jobs_of(plain, none) == jobs_of(unpooled, none) == jobs_of(unpooled, mean)
    assert jobs_of(plain, mean) == jobs_of(pooled, none) != jobs_of(plain, none)
    assert jobs_of(plain, ExtractionSettings(time="mean")) != jobs_of(plain, none)
    assert none.model_dump(exclude_defaults=True) == {}, "as before there was pooling"
